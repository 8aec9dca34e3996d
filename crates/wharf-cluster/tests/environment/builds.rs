//! What is made, what is shared, what is found again.

use std::{fs, process::Command};

use wharf_cluster::UvEnvironments;
use wharf_core::environment::{EnvironmentSpec, ModelFramework};

use crate::scene::{self, Scene, build, python, spec};

#[tokio::test]
async fn a_made_environment_is_found_again_without_a_process() {
    let scene = Scene::new();
    let spec = spec(&["python=3.8.13", "numpy"], &["six==1.16.0"]);
    let (built, log) = build(&scene.start(), &spec).await;
    let built = built.expect("built");
    assert_eq!(
        python(&built, "import numpy, six; print(six.__version__)"),
        "1.16.0"
    );
    assert_eq!(
        python(&built, "import platform; print(platform.python_version())"),
        built.python_version
    );
    log.assert_has("Looking for versions that fit together");
    log.assert_has("Importing numpy");
    assert_eq!(scene.work(), 0);

    // A server without any program finds it.
    let mut settings = scene.settings("");
    settings.uv = Some("/nowhere/uv".into());
    settings.environment = Vec::new();
    let (again, log) = build(&UvEnvironments::new(settings).expect("opens"), &spec).await;
    assert_eq!(again.expect("found"), built);
    assert_eq!(log.all(), Vec::<String>::new());
}

#[tokio::test]
async fn equal_packages_are_shared_between_requests() {
    let scene = Scene::new();
    let environments = scene.start();
    let (first, _) = build(&environments, &spec(&["six=1.16.0"], &[])).await;
    let (second, log) = build(&environments, &spec(&[], &["six==1.16.0"])).await;
    let (first, second) = (first.expect("built"), second.expect("built"));
    assert_eq!(
        (&first.digest, &first.python),
        (&second.digest, &second.python)
    );
    log.assert_has("they are shared");
    assert_eq!(scene.calls("pip sync"), 1);
    assert_eq!(scene.environments(), 1);

    let (other, _) = build(&environments, &spec(&[], &["six==1.15.0"])).await;
    assert_ne!(other.expect("built").digest, first.digest);
    assert_eq!(scene.environments(), 2);
}

#[tokio::test]
async fn two_that_ask_at_once_get_one() {
    let scene = Scene::new();
    let environments = scene.start();
    let same = spec(&["six=1.16.0"], &[]);
    let other = spec(&[], &["six==1.16.0"]);
    let ((a, _), (b, _), (c, _)) = tokio::join!(
        build(&environments, &same),
        build(&environments, &same),
        build(&environments, &other)
    );
    let (a, b, c) = (a.expect("built"), b.expect("built"), c.expect("built"));
    assert_eq!(a, b);
    assert_eq!((a.digest, a.python), (c.digest, c.python));
    // One for each request; one for the environment.
    assert_eq!(scene.calls("pip compile"), 2);
    assert_eq!(scene.calls("pip sync"), 1);
    assert_eq!((scene.environments(), scene.work()), (1, 0));
}

#[tokio::test]
async fn an_environment_without_packages_is_an_interpreter() {
    let scene = Scene::new();
    let (built, _) = build(&scene.start(), &EnvironmentSpec::default()).await;
    assert_eq!(python(&built.expect("built"), "print(1)"), "1");
}

#[tokio::test]
async fn the_nearest_python_is_taken_with_a_notice() {
    let scene = Scene::new();
    let (built, _) = build(&scene.start(), &spec(&["python=3.99"], &["six"])).await;
    let built = built.expect("built");
    let notice = "Python 3.99 is not installed on this machine";
    assert!(
        built.notices.iter().any(|it| it.starts_with(notice)),
        "{built:?}"
    );
}

#[tokio::test]
async fn uv_is_installed_where_there_is_none() {
    let scene = Scene::new();
    let mut settings = scene::settings(&scene.path("environments"));
    let bin = scene.path("bin");
    fs::create_dir(&bin).expect("a folder");
    let script = "import os, sys; print(os.path.realpath(sys.executable))";
    let real = Command::new("python3").args(["-c", script]).output();
    let real = String::from_utf8(real.expect("python3").stdout).expect("a path");
    std::os::unix::fs::symlink(real.trim(), bin.join("python3")).expect("a link");
    let path = bin.to_string_lossy().into_owned();
    settings.environment.retain(|(name, _)| name != "PATH");
    settings.environment.push(("PATH".into(), path));
    let environments = UvEnvironments::new(settings).expect("opens");
    assert!(
        !scene.path("environments/tools/uv-0.13.9").exists(),
        "not at the start"
    );
    let (built, log) = build(&environments, &spec(&[], &["six"])).await;
    built.expect("built");
    log.assert_has("Installing uv 0.13.9");
    let (built, log) = build(&environments, &spec(&[], &["six==1.16.0"])).await;
    built.expect("built");
    assert!(!log.all().iter().any(|it| it.contains("Installing uv")));
}

#[tokio::test]
async fn the_hosts_interpreter_runs_what_users_manage() {
    let scene = Scene::new();
    let mut settings = scene.settings("");
    let (made, _) = build(&scene.start(), &spec(&[], &[])).await;
    settings.policy.host_python = Some(made.expect("built").python);
    let mut spec = EnvironmentSpec::default();
    spec.python.user_managed = true;
    let environments = UvEnvironments::new(settings.clone()).expect("opens");
    let (built, _) = build(&environments, &spec).await;
    let built = built.expect("found");
    assert_eq!(Some(&built.python), settings.policy.host_python.as_ref());
    assert!(built.notices[0].starts_with("userManagedDependencies"));
    settings.policy.host_python = Some("/nowhere/python".into());
    let (built, _) = build(&UvEnvironments::new(settings).expect("opens"), &spec).await;
    assert!(
        built
            .expect_err("absent")
            .to_string()
            .contains("/nowhere/python")
    );
}

#[tokio::test]
async fn the_version_that_saved_the_model_is_taken_where_it_can_be_had() {
    let scene = Scene::new();
    let environments = scene.start();
    // One interpreter, so that not all of them are tried.
    let (plain, _) = build(&environments, &EnvironmentSpec::default()).await;
    let version = plain.expect("built").python_version;
    let wish = format!("python={version}");
    let mut spec = spec(&[&wish, "scikit-learn"], &["numpy"]);
    // No release ever had this number.
    spec.model_frameworks = vec![ModelFramework {
        name: "ScikitLearn".into(),
        version: "1.999.0".into(),
    }];
    let (built, log) = build(&environments, &spec).await;
    let built = built.expect("without the hint");
    log.assert_has("scikit-learn==1.999.0");
    let notice = "the models were registered with ScikitLearn 1.999.0, which cannot be had";
    assert!(
        built.notices.iter().any(|it| it.starts_with(notice)),
        "{built:?}"
    );
    let version = python(&built, "import sklearn; print(sklearn.__version__)");

    // The one that was taken is there, so this is the same environment.
    spec.model_frameworks[0].version = version.clone();
    let (hinted, _) = build(&environments, &spec).await;
    let hinted = hinted.expect("with the hint");
    assert_eq!(hinted.digest, built.digest);
    let notice = format!("`scikit-learn=={version}` is installed: the model was registered");
    assert!(
        hinted.notices.iter().any(|it| it.starts_with(&notice)),
        "{hinted:?}"
    );
    // The plain one, and this one once.
    assert_eq!(scene.calls("pip sync"), 2);
}
