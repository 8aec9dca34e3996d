//! What becomes of whole environments.

use wharf_core::environment::{
    CondaDependency, CondaSpec, DockerSection, EnvironmentSpec, ModelFramework, PythonSection,
};

use super::{
    plan::{PackagePlan, Plan, plan},
    python::{Minor, WantedPython},
    settings::BuildPolicy,
};

fn spec(conda: &[&str], pip: &[&str]) -> EnvironmentSpec {
    let mut dependencies: Vec<_> = conda
        .iter()
        .map(|line| CondaDependency::Conda((*line).to_owned()))
        .collect();
    let pip = pip.iter().map(|line| (*line).to_owned()).collect();
    dependencies.push(CondaDependency::Pip(pip));
    EnvironmentSpec {
        python: PythonSection {
            conda: CondaSpec {
                channels: vec!["anaconda".into(), "conda-forge".into()],
                dependencies,
            },
            ..PythonSection::default()
        },
        ..EnvironmentSpec::default()
    }
}

fn packages(spec: &EnvironmentSpec) -> PackagePlan {
    match plan(spec, &BuildPolicy::default()) {
        Ok(Plan::Packages(packages)) => packages,
        other => panic!("{other:?}"),
    }
}

fn lines(plan: &PackagePlan) -> Vec<String> {
    plan.requirements.iter().map(ToString::to_string).collect()
}

fn has_notice(plan: &PackagePlan, part: &str) -> bool {
    plan.notices.iter().any(|notice| notice.contains(part))
}

/// What `Environment("x")` sends.
#[test]
fn the_default_of_the_sdk_says_nothing_special() {
    let mut spec = spec(&["python=3.8.13"], &["azureml-defaults"]);
    spec.docker.base_image = Some("registry.example/azureml/openmpi4.1.0-ubuntu22.04:2025".into());
    let plan = packages(&spec);
    assert_eq!(lines(&plan), ["azureml-defaults"]);
    assert_eq!(
        plan.python,
        WantedPython::Any {
            default: Some("3.8.13".into())
        }
    );
    assert_eq!(
        plan.constraints,
        ["azureml-defaults>=1.40", "setuptools<81"]
    );
    assert_eq!(plan.overrides, ["fusepy ; sys_platform == 'never'"]);
    assert_eq!(plan.notices, Vec::<String>::new());
}

/// What `CondaDependencies.create(conda_packages=['numpy', 'scikit-learn'])` sends.
#[test]
fn create_of_the_sdk_loses_its_index_options() {
    let pip = [
        "--find-links https://old.python.org/simple/index.html",
        "--extra-index-url https://old.python.org/simple",
        "azureml-defaults",
    ];
    let plan = packages(&spec(&["python=3.10.18", "numpy", "scikit-learn"], &pip));
    assert_eq!(lines(&plan), ["numpy", "scikit-learn", "azureml-defaults"]);
    assert_eq!(plan.indexes, []);
    assert!(has_notice(
        &plan,
        "conda channels are not used (anaconda, conda-forge)"
    ));
    assert!(has_notice(&plan, "scikit-learn has no version"));
    assert_eq!(plan.notices.len(), 2, "{:?}", plan.notices);
}

#[test]
fn pins_stay_and_the_platforms_own_floats() {
    let conda = [
        "python=3.9",
        "pip",
        "numpy=1.23.5",
        "scipy=1.10",
        "conda-forge::pytorch=1.13.1=py39_0",
        "setuptools=58",
        "cudatoolkit=11.1",
    ];
    let pip = [
        "azureml-defaults==1.49.0",
        "inference-schema[numpy-support]==1.8",
    ];
    let plan = packages(&spec(&conda, &pip));
    assert_eq!(
        lines(&plan),
        [
            "numpy==1.23.5",
            "scipy==1.10.*",
            "torch==1.13.1",
            "azureml-defaults",
            "inference-schema[numpy-support]==1.8"
        ]
    );
    assert!(matches!(
        &plan.python,
        WantedPython::Minor {
            minor: Minor(3, 9),
            ..
        }
    ));
    assert_eq!(
        plan.constraints,
        ["azureml-defaults>=1.40", "setuptools==58.*"]
    );
    for part in [
        "`azureml-defaults==1.49.0` may be another version",
        "the channel `conda-forge` is not used",
        "the build `py39_0` is not used",
        "`pytorch` is installed as `torch`",
        "left out, because the wheels or this machine bring it: cudatoolkit",
        "pip, setuptools and wheel are not installed",
    ] {
        assert!(has_notice(&plan, part), "{part}: {:?}", plan.notices);
    }
}

#[test]
fn an_open_version_is_the_one_that_saved_the_model() {
    let mut spec = spec(&["numpy", "scikit-learn"], &["azureml-defaults"]);
    spec.model_frameworks = vec![ModelFramework {
        name: "ScikitLearn".into(),
        version: "1.2.2".into(),
    }];
    let plan = packages(&spec);
    assert!(plan.is_hinted);
    assert_eq!(lines(&plan)[1], "scikit-learn==1.2.2");
    assert!(plan.constraints.contains(&"numpy<2".to_owned()));
    assert!(has_notice(
        &plan,
        "the model was registered with that version"
    ));
    assert!(!has_notice(&plan, "has no version"));

    spec.python.conda.dependencies[1] = CondaDependency::Conda("scikit-learn=1.5".into());
    let plan = packages(&spec);
    assert!(!plan.is_hinted, "what the user pins stays");
    assert_eq!(lines(&plan)[1], "scikit-learn==1.5.*");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let mut spec = spec(
        &[
            "python=3.9",
            "r-base",
            "openjdk=8",
            "numpy=oops",
            "pytorch==1.8.0=py3.8_cuda11.1_cudnn8.0.5_0",
            "python=3.8",
            "torchvision=0.9=py38_cu111",
        ],
        &[
            "git+https://me:word@host/repo",
            "six\n--index-url x",
            "-i https://packages.example/",
        ],
    );
    spec.docker = DockerSection {
        base_image: None,
        base_dockerfile: Some("FROM scratch".into()),
        has_build_context: true,
    };
    spec.has_r = true;
    spec.has_spark = true;
    let findings = plan(&spec, &BuildPolicy::default()).expect_err("refused");
    let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    let at = |rest: &str| format!("python.condaDependencies.dependencies[{rest}");
    assert_eq!(
        fields,
        [
            "docker.baseDockerfile",
            "docker.buildContext",
            "spark",
            "r",
            &at("1]"),
            &at("2]"),
            &at("3]"),
            &at("4]"),
            &at("5]"),
            &at("6]"),
            &at("7].pip[0]"),
            &at("7].pip[1]"),
            &at("7].pip[2]"),
        ]
    );
    assert!(findings[4].message.contains("`r-base` is an R package"));
    assert!(findings.iter().all(|it| !it.message.contains("word")));
}

#[test]
fn packages_of_the_host_need_an_interpreter_of_the_operator() {
    let mut spec = EnvironmentSpec::default();
    spec.python.user_managed = true;
    let findings = plan(&spec, &BuildPolicy::default()).expect_err("none is named");
    assert_eq!(findings[0].field, "python.userManagedDependencies");
    let policy = BuildPolicy {
        host_python: Some("/usr/bin/python3".into()),
        ..BuildPolicy::default()
    };
    let Ok(Plan::Host { notices }) = plan(&spec, &policy) else {
        panic!("one is named")
    };
    assert!(notices[0].starts_with("userManagedDependencies: nothing is installed"));
}

#[test]
fn the_number_and_the_length_of_lines_are_limited() {
    let many = vec!["six"; 1001];
    let findings = plan(&spec(&[], &many), &BuildPolicy::default()).expect_err("too many");
    assert_eq!(findings.len(), 1);
    let long = "a".repeat(1025);
    assert!(plan(&spec(&[&long], &[]), &BuildPolicy::default()).is_err());
}

#[test]
fn a_base_image_of_ones_own_and_alternatives_are_noticed() {
    let mut spec = spec(
        &["numpy 1.19.*|1.21.*"],
        &["azureml-defaults", "sklearn", "six", "six"],
    );
    spec.docker.base_image = Some("registry.example/mine:1".into());
    let plan = packages(&spec);
    assert_eq!(
        lines(&plan),
        ["numpy==1.21.*", "azureml-defaults", "scikit-learn", "six"]
    );
    for part in [
        "the base image `registry.example/mine:1` is not used",
        "only the last alternative is taken",
        "`sklearn` is an empty package; `scikit-learn` is installed",
    ] {
        assert!(has_notice(&plan, part), "{part}: {:?}", plan.notices);
    }
}
