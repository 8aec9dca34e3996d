//! What cannot be had, and how that is said.

use std::process::Command;

use wharf_cluster::UvEnvironments;
use wharf_core::environment::{EnvironmentBuilder as _, EnvironmentError};

use crate::scene::{Scene, build, spec};

#[tokio::test]
async fn everything_that_cannot_be_had_is_named_before_anything_is_made() {
    let scene = Scene::new();
    let environments = scene.start();
    let spec = spec(
        &["r-base", "numpy", "openjdk=8"],
        &[
            "./local.whl",
            "six",
            "--index-url https://me:word@packages.example/simple",
        ],
    );
    let checked = environments.check(&spec).expect_err("refused");
    let (built, log) = build(&environments, &spec).await;
    let Err(EnvironmentError::Refused(findings)) = built else {
        panic!("{built:?}")
    };
    assert_eq!(findings, checked);
    let text = wharf_core::finding::Findings(&findings).to_string();
    for part in ["`r-base`", "`openjdk`", "`./local.whl`", "packages.example"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("word"));
    assert_eq!((log.all().len(), scene.calls(""), scene.work()), (0, 0, 0));
}

#[tokio::test]
async fn a_package_that_is_not_on_the_index_is_named() {
    let scene = Scene::new();
    let spec = spec(&["six", "wharf-has-no-such-package"], &[]);
    let (built, log) = build(&scene.start(), &spec).await;
    let Err(EnvironmentError::Failed { step, message }) = built else {
        panic!("{built:?}")
    };
    assert_eq!(step, "resolve");
    let expected = "`wharf-has-no-such-package` is not on the package index";
    assert!(message.contains(expected), "{message}");
    log.assert_has("wharf-has-no-such-package");
    assert_eq!((scene.environments(), scene.work()), (0, 0));
}

#[tokio::test]
async fn a_strict_server_takes_no_other_python() {
    let scene = Scene::new();
    let mut settings = scene.settings("");
    settings.policy.strict_python = true;
    let environments = UvEnvironments::new(settings).expect("opens");
    let (built, _) = build(&environments, &spec(&["python=3.99"], &["six"])).await;
    let Err(EnvironmentError::Refused(findings)) = built else {
        panic!("{built:?}")
    };
    assert!(findings[0].message.contains("Python 3.99 is not installed"));
    assert_eq!(scene.calls("pip"), 0);
    let (built, _) = build(&environments, &spec(&["python=3.8.13"], &["six"])).await;
    built.expect("the SDK's default is no wish");
}

/// A wheel of one module, made here so that it is small and certainly broken.
#[tokio::test]
async fn packages_that_cannot_be_imported_are_not_ready() {
    let scene = Scene::new();
    let wheel = scene.path("wharf_broken-1.0-py3-none-any.whl");
    let script = "import sys, zipfile\n\
         info = 'wharf_broken-1.0.dist-info/'\n\
         files = {'wharf_broken.py': 'import os; raise ImportError(\"made for another time: \" + str(sorted(os.environ)))',\n\
         info + 'METADATA': 'Metadata-Version: 2.1\\nName: wharf-broken\\nVersion: 1.0\\n',\n\
         info + 'WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'}\n\
         record = ''.join(name + ',,\\n' for name in files) + info + 'RECORD,,\\n'\n\
         with zipfile.ZipFile(sys.argv[1], 'w') as wheel:\n\
         \x20   for name, text in files.items(): wheel.writestr(name, text)\n\
         \x20   wheel.writestr(info + 'RECORD', record)\n";
    let made = Command::new("python3")
        .args(["-c", script])
        .arg(&wheel)
        .output();
    let made = made.expect("python3");
    assert!(made.status.success(), "{made:?}");
    let mut settings = scene.settings("");
    settings.policy.allow_direct_references = true;
    let secret = ("UV_INDEX_PRIVATE_PASSWORD".to_owned(), "word".to_owned());
    settings.environment.push(secret);
    let environments = UvEnvironments::new(settings).expect("opens");
    let line = format!("wharf-broken @ file://{}", wheel.display());
    let (built, _) = build(&environments, &spec(&[], &[&line])).await;
    let Err(EnvironmentError::Failed { step, message }) = built else {
        panic!("{built:?}")
    };
    assert_eq!(step, "import");
    let expected = "cannot import `wharf_broken` (wharf-broken): ImportError: made for another";
    assert!(message.starts_with(expected), "{message}");
    // What the operator tells uv is not for the packages.
    assert!(
        message.contains("HOME") && !message.contains("UV_"),
        "{message}"
    );
    assert_eq!((scene.environments(), scene.work()), (0, 0));
}

#[tokio::test]
async fn an_environment_that_is_too_large_is_not_kept() {
    let scene = Scene::new();
    let mut settings = scene.settings("");
    settings.limits.environment_bytes = 1000;
    let environments = UvEnvironments::new(settings).expect("opens");
    let (built, _) = build(&environments, &spec(&[], &["six"])).await;
    let why = built.expect_err("too large").to_string();
    assert!(why.contains("0 MB are allowed"), "{why}");
    assert_eq!((scene.environments(), scene.work()), (0, 0));
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_kept_for_others() {
    let scene = Scene::new();
    let mut settings = scene.settings("");
    settings.limits.least_free_bytes = u64::MAX;
    let environments = UvEnvironments::new(settings).expect("opens");
    let (built, _) = build(&environments, &spec(&[], &["six"])).await;
    let why = built.expect_err("no room").to_string();
    assert!(
        why.contains("MB left") && why.contains("--keep-free"),
        "{why}"
    );
    assert_eq!((scene.environments(), scene.work()), (0, 0));
}
