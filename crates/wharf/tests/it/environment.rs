//! `wharf env` and `wharf exec`.

use std::fs;

use crate::{program::run, server::Server};

#[test]
fn the_block_is_the_same_whether_the_server_runs_or_not() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let data = server.data();
    let file = fs::read_to_string(data.join("env.sh")).expect("text");
    let running = server.run(&["env"]);
    assert_eq!(
        (running.code, running.out.as_str()),
        (Some(0), file.as_str())
    );
    assert!(server.stop().success());
    let stopped = run(
        scratch.path(),
        &["env", "--data-dir", data.to_str().expect("text")],
    );
    assert_eq!(
        (stopped.code, stopped.out.as_str()),
        (Some(0), file.as_str())
    );
    let root = data.to_str().expect("text");
    let secret = fs::read_to_string(data.join("keys/administrator.secret")).expect("text");
    let url = file
        .lines()
        .find_map(|line| line.strip_prefix("export MSI_ENDPOINT='"))
        .and_then(|rest| rest.strip_suffix("/msi/token'"))
        .expect("the server's address");
    let expected = format!(
        "# The first workspace: Workspace.from_config(path=\"{root}/config.json\")\n\
         export ARM_CLOUD_METADATA_URL='{url}/metadata/endpoints?api-version=2019-05-01'\n\
         export AZUREML_CURRENT_CLOUD='Wharf'\n\
         export REQUESTS_CA_BUNDLE='{root}/ca-bundle.pem'\n\
         export SSL_CERT_FILE='{root}/ca-bundle.pem'\n\
         export MSI_ENDPOINT='{url}/msi/token'\n\
         export MSI_SECRET='{secret}'\n\
         export APPSETTING_WEBSITE_SITE_NAME='wharf'\n\
         export AZURE_CONFIG_DIR='{root}/azure'\n\
         export AZUREML_DEFAULT_BACKOFF='1'\n"
    );
    assert_eq!(file, expected);
}

#[test]
fn without_a_data_directory_it_says_how_to_get_one() {
    let scratch = tempfile::tempdir().expect("a folder");
    for words in [&["env"][..], &["exec", "--", "true"], &["cluster", "list"]] {
        let ended = run(scratch.path(), words);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{words:?}");
        assert_eq!(
            ended.err,
            format!(
                "error: no server was ever ready in {}/.wharf\n\
                 hint: start one with `wharf server`, or say where with `--data-dir`\n",
                scratch.path().display()
            ),
            "{words:?}"
        );
    }
}

#[test]
fn a_child_gets_the_variables_and_its_exit_code_is_ours() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let script = "printf %s \"$ARM_CLOUD_METADATA_URL\"; exit 7";
    let ended = server.run(&["exec", "--", "sh", "-c", script]);
    let expected = format!("{}/metadata/endpoints?api-version=2019-05-01", server.url);
    assert_eq!((ended.code, ended.out), (Some(7), expected));
    let ended = server.run(&["exec", "--", "no-such-program-of-ours"]);
    assert_eq!(ended.code, Some(3));
    assert_eq!(
        ended.err,
        "error: there is no program `no-such-program-of-ours`\n"
    );
    // What `wharf env` sets is enough for `wharf` itself.
    let wharf = env!("CARGO_BIN_EXE_wharf");
    let ended = server.run(&["exec", "--", wharf, "cluster", "list", "--output", "table"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("local"), "{}", ended.out);
}

/// What the SDKs fetch before anything else, as they fetch it.
#[test]
fn python_trusts_the_server() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let script = "\
import json, os, ssl, urllib.request
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
url = os.environ['ARM_CLOUD_METADATA_URL']
clouds = json.load(urllib.request.urlopen(url, context=context))
print(*[cloud['name'] for cloud in clouds])";
    let ended = server.run(&["exec", "--", "python3", "-c", script]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out, "Wharf AzureCloud\n");
}
