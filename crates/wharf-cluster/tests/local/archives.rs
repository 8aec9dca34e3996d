//! What a script finds in its folder, and archives that are refused.

use std::{fs, io::Write, num::NonZeroU32, path::Path};

use wharf_core::{
    backend::{Backend, BackendError, Workload},
    deployment::{CodeFile, PinnedFile, PinnedModel},
    digest::Digest,
    scaling::Scaling,
};

use crate::scene::{Scene, wait_ready};

const ONE: Scaling = Scaling::Fixed(NonZeroU32::MIN);

fn archive(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, content) in members {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).expect("in memory");
    gz.finish().expect("in memory")
}

fn code(name: &str, digest: Digest, unpack: bool) -> CodeFile {
    CodeFile {
        name: name.into(),
        digest,
        size: 1,
        unpack,
    }
}

fn model(id: &str, unpack: bool, files: &[(&str, Digest)]) -> PinnedModel {
    let files = files.iter().map(|(path, digest)| PinnedFile {
        path: (*path).to_owned(),
        digest: *digest,
        size: 1,
    });
    PinnedModel {
        id: id.parse().expect("a model id"),
        framework: None,
        framework_version: None,
        unpack,
        files: files.collect(),
    }
}

fn renewed(mut workload: Workload) -> Workload {
    workload.key.revision = workload.template.revision();
    workload
}

/// All files below a folder, with `/`, in order.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside");
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn config(scene: &Scene, workload: &Workload) -> serde_json::Value {
    let path = scene.folder(&workload.key).join("replica-0/config.json");
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

#[tokio::test]
async fn one_model_and_a_source_folder_lie_where_scripts_look() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let source = archive(&[
        ("src", tar::EntryType::Directory, b""),
        ("src/score.py", tar::EntryType::Regular, b"import lib"),
        ("src/lib/__init__.py", tar::EntryType::Regular, b"X = 1"),
    ]);
    let template = &mut workload.template;
    template.models = vec![model("iris:3", false, &[("net/a.pkl", scene.put(b"a"))])];
    template.code = vec![
        code("tmp1.py", scene.put(b"driver"), false),
        code("source.tar.gz", scene.put(&source), true),
    ];
    template.driver = Some("tmp1.py".into());
    let variables = &mut template.environment.variables;
    variables.insert("AZUREML_ENTRY_SCRIPT".into(), "src/score.py".into());
    variables.insert("AZUREML_SOURCE_DIRECTORY".into(), "src".into());
    template.resources.memory_limit_gb = Some(2.0);
    let workload = renewed(workload);
    assert_eq!(
        backend
            .preflight(&workload.template)
            .await
            .expect("preflight"),
        vec![]
    );
    backend.ensure(&workload).await.expect("ensure");
    let app = scene.folder(&workload.key).join("app");
    assert_eq!(
        files(&app),
        [
            "azureml-models/iris/3/net/a.pkl",
            "src/lib/__init__.py",
            "src/score.py",
            "tmp1.py"
        ]
    );
    let script = fs::metadata(app.join("src/score.py")).expect("there");
    assert!(script.permissions().readonly());
    wait_ready(&backend, &workload.key, 1).await;
    let config = config(&scene, &workload);
    assert!(
        config["model_dir"]
            .as_str()
            .is_some_and(|it| it.ends_with("azureml-models/iris/3"))
    );
    assert_eq!(config["entry_script"], "src/score.py");
    assert_eq!(config["source_directory"], "src");
    assert_eq!(config["workers"], 1);
    assert_eq!(config["scoring_timeout_ms"], 2000);
    // A request that came last may take all of its time.
    assert_eq!(config["drain_ms"], 7000);
    assert_eq!(config["address_space_bytes"], 3_000_000_000_u64 + (1 << 30));
    assert_eq!(
        config["listen"]["unix"]
            .as_str()
            .map(|it| it.ends_with(".sock")),
        Some(true)
    );
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn several_models_share_a_folder_and_a_driver_becomes_main() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let packed = archive(&[("./w.bin", tar::EntryType::Regular, b"weights")]);
    let template = &mut workload.template;
    template.models = vec![
        model("a:1", false, &[("m.pkl", scene.put(b"m"))]),
        model("b:10", true, &[("b.tar.gz", scene.put(&packed))]),
    ];
    template.code = vec![code("driver.py", scene.put(b"driver"), false)];
    template.driver = Some("driver.py".into());
    let workload = renewed(workload);
    backend.ensure(&workload).await.expect("ensure");
    wait_ready(&backend, &workload.key, 1).await;
    let app = scene.folder(&workload.key).join("app");
    assert_eq!(
        files(&app),
        [
            "azureml-models/a/1/m.pkl",
            "azureml-models/b/10/w.bin",
            "driver.py",
            "main.py"
        ]
    );
    let config = config(&scene, &workload);
    assert!(
        config["model_dir"]
            .as_str()
            .is_some_and(|it| it.ends_with("/azureml-models"))
    );
    assert_eq!(config["entry_script"], serde_json::Value::Null);
    backend.remove(&workload.key).await.expect("remove");
}

#[tokio::test]
async fn a_source_folder_without_the_entry_script_is_told_before() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let source = archive(&[
        ("src/lib/score.py", tar::EntryType::Regular, b"import lib"),
        ("notes.txt", tar::EntryType::Regular, b""),
        ("data", tar::EntryType::Directory, b""),
    ]);
    let empty = archive(&[]);
    let told = async |workload: &Workload| {
        let findings = backend.preflight(&workload.template).await;
        let findings = findings.expect("preflight").into_iter();
        findings.map(|it| it.to_string()).collect::<Vec<_>>()
    };
    let template = &mut workload.template;
    template.code = vec![code("source.tar.gz", scene.put(&source), true)];
    let variables = &mut template.environment.variables;
    variables.insert("AZUREML_ENTRY_SCRIPT".into(), "src/score.py".into());
    assert_eq!(
        told(&workload).await,
        [
            "`environmentImageRequest.environment.environmentVariables.AZUREML_ENTRY_SCRIPT`: \
             `src/score.py` is not in the source directory, which has at its top: `src/`, \
             `notes.txt`, `data/`; is `src/lib/score.py` meant?"
        ]
    );
    let variables = &mut workload.template.environment.variables;
    variables.insert("AZUREML_ENTRY_SCRIPT".into(), "src/lib/score.py".into());
    assert_eq!(told(&workload).await, [""; 0]);
    // A script beside the archive needs none inside.
    let template = &mut workload.template;
    template.code.push(code("score.py", scene.put(b"x"), false));
    let variables = &mut template.environment.variables;
    variables.insert("AZUREML_ENTRY_SCRIPT".into(), "score.py".into());
    assert_eq!(told(&workload).await, [""; 0]);
    workload.template.code = vec![code("source.tar.gz", scene.put(&empty), true)];
    assert_eq!(
        told(&workload).await,
        [
            "`environmentImageRequest.assets`: the archive of asset `source.tar.gz` is refused: \
             it is empty"
        ]
    );
}

#[tokio::test]
async fn hostile_archives_are_told_before_and_leave_nothing() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let hostile = archive(&[
        ("fine.txt", tar::EntryType::Regular, b"fine"),
        ("../../escaped", tar::EntryType::Regular, b"x"),
    ]);
    let template = &mut workload.template;
    template.models = vec![model(
        "a:1",
        true,
        &[("a.tar.gz", scene.put(b"no archive"))],
    )];
    template.code = vec![code("src.tar.gz", scene.put(&hostile), true)];
    let mut workload = renewed(workload);
    let findings = backend
        .preflight(&workload.template)
        .await
        .expect("preflight");
    let fields = findings
        .iter()
        .map(|it| it.field.as_str())
        .collect::<Vec<_>>();
    assert_eq!(
        fields,
        [
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets"
        ]
    );
    assert!(
        findings[1].message.contains("`../../escaped`"),
        "{}",
        findings[1].message
    );
    workload.template.models.clear();
    match backend.ensure(&workload).await {
        Err(BackendError::Refused { code, message }) => {
            assert_eq!(code, "InvalidArchive");
            assert!(
                message.contains("entry `../../escaped`: `..` is not allowed"),
                "{message}"
            );
        }
        other => panic!("must be refused: {other:?}"),
    }
    scene.assert_empty();
}

#[tokio::test]
async fn damaged_content_is_noticed_and_leaves_nothing() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let digest = Digest::of(b"what it was");
    scene.put_as(digest, b"what it is");
    workload.template.code = vec![code("score.py", digest, false)];
    let workload = renewed(workload);
    let refused = backend.ensure(&workload).await;
    assert!(matches!(&refused, Err(BackendError::Unavailable(text)) if text.contains("damaged")));
    scene.put_as(digest, b"what it was");
    backend.ensure(&workload).await.expect("once it is whole");
    wait_ready(&backend, &workload.key, 1).await;
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}
