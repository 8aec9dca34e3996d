//! What `--help` says. A change of it is a change of the product.

use crate::program::run;

#[test]
fn every_command_explains_itself() {
    let scratch = tempfile::tempdir().expect("a folder");
    for words in [
        &["--help"][..],
        &["server", "--help"],
        &["check", "--help"],
        &["env", "--help"],
        &["exec", "--help"],
        &["doctor", "--help"],
        &["cluster", "--help"],
        &["cluster", "import", "--help"],
        &["cluster", "list", "--help"],
        &["cluster", "show", "--help"],
        &["replicas", "--help"],
        &["principal", "--help"],
        &["principal", "create", "--help"],
        &["keys", "--help"],
    ] {
        let ended = run(scratch.path(), words);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{words:?}");
        let name = words
            .join(" ")
            .replace(" --help", "")
            .replace("--help", "wharf");
        insta::assert_snapshot!(name.replace(' ', "-"), ended.out);
    }
}

#[test]
fn a_cluster_named_without_its_option_is_told_of_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let ended = run(scratch.path(), &["cluster", "show", "local"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("hint: wharf cluster show -n local"),
        "{}",
        ended.err
    );
}

#[test]
fn the_version_is_on_one_line() {
    let scratch = tempfile::tempdir().expect("a folder");
    let expected = concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(scratch.path(), &["version"]).out, expected);
    assert_eq!(run(scratch.path(), &["--version"]).out, expected);
}
