//! Archives built byte by byte: each rule, at its edge and past it.

use std::{fs, io::Write};

use cap_std::ambient_authority;
use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

use super::*;

#[path = "archive_corpus_tests.rs"]
mod corpus;

/// One member, as raw as it gets.
fn member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.as_mut_bytes()[156] = kind;
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    member(name.as_bytes(), b'0', content)
}

fn packed(members: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for bytes in members {
        encoder.write_all(bytes).expect("in memory");
    }
    encoder.write_all(&[0; 1024]).expect("in memory");
    encoder.finish().expect("in memory")
}

fn pax(key: &str, value: &str) -> Vec<u8> {
    let record = |length: usize| format!("{length} {key}={value}\n");
    let mut length = 0;
    while record(length).len() != length {
        length = record(length).len();
    }
    member(b"PaxHeaders/x", b'x', record(length).as_bytes())
}

/// Checks and unpacks: both say the same, and nothing is outside.
fn refusal(bytes: &[u8]) -> String {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let target = scratch.path().join("a/b/target");
    fs::create_dir_all(&target).expect("a folder");
    let checked = check_archive(bytes).expect_err("must be refused");
    let dir = Dir::open_ambient_dir(&target, ambient_authority()).expect("a folder");
    let unpacked = unpack_archive(bytes, &dir).expect_err("must be refused");
    assert_eq!(checked.to_string(), unpacked.to_string());
    for (folder, only) in [("", "a"), ("a", "b"), ("a/b", "target")] {
        let names = fs::read_dir(scratch.path().join(folder)).expect("a folder");
        let names = names.map(|it| it.expect("an entry").file_name());
        assert_eq!(names.collect::<Vec<_>>(), [only]);
    }
    checked.to_string()
}

#[test]
fn honest_archives_come_out_whole() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(150));
    let mut script = Header::new_gnu();
    script.set_path("src/run.sh").expect("a short path");
    script.set_size(0);
    script.set_mode(0o755);
    script.set_cksum();
    let bytes = packed(&[
        member(b"./", b'5', b""),
        member(b"src/", b'5', b""),
        file("src/score.py", b"import x"),
        file("./src/empty", b""),
        script.as_bytes().to_vec(),
        member("src/Ünïcode.txt".as_bytes(), b'0', b"u"),
        pax("path", &long),
        file("short", b"long"),
        member(
            b"././@LongLink",
            b'L',
            format!("gnu/{}\0", "g".repeat(120)).as_bytes(),
        ),
        file("gnu/ggg", b"gnu"),
        member(b"pax_global_header", b'g', b"19 comment=abcdefg\n"),
        member(b"old/", b'\0', b""),
    ]);
    let dir = Dir::open_ambient_dir(scratch.path(), ambient_authority()).expect("a folder");
    let summary = unpack_archive(&*bytes, &dir).expect("honest");
    assert_eq!(check_archive(&*bytes).expect("honest"), summary);
    assert_eq!(summary.bytes, 8 + 1 + 4 + 3);
    assert_eq!(summary.entries, 9);
    let read = |path: &str| fs::read_to_string(scratch.path().join(path)).expect(path);
    assert_eq!(read("src/score.py"), "import x");
    assert_eq!(read(&long), "long");
    assert_eq!(read(&format!("gnu/{}", "g".repeat(120))), "gnu");
    assert!(scratch.path().join("old").is_dir());
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(scratch.path().join(path)).expect(path);
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("src/run.sh") & 0o555, mode("src/run.sh"));
    assert_ne!(mode("src/run.sh") & 0o100, 0);
    assert_eq!(mode("src/score.py") & 0o333, 0);
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for (name, reason) in [
        ("../evil", "`..` is not allowed"),
        ("a/../../evil", "`..` is not allowed"),
        ("a/..", "`..` is not allowed"),
        ("/etc/evil", "absolute paths are not allowed"),
        ("//evil", "absolute paths are not allowed"),
        (
            "a\\..\\evil",
            "backslashes and control characters are not allowed",
        ),
        ("a\nb", "backslashes and control characters are not allowed"),
    ] {
        let said = refusal(&packed(&[file("ok", b"1"), file(name, b"x")]));
        assert!(said.ends_with(reason), "{name}: {said}");
        let said = refusal(&packed(&[pax("path", name), file("fine", b"x")]));
        assert!(
            said.contains("entry") && !said.contains('\n'),
            "{name}: {said}"
        );
    }
    let said = refusal(&packed(&[member(b"\xff\xfe", b'0', b"x")]));
    assert!(said.ends_with("its path is not UTF-8"), "{said}");
    let said = refusal(&packed(&[member(b"", b'0', b"x")]));
    assert!(said.ends_with("it has no name"), "{said}");
    let said = refusal(&packed(&[pax("path", &"a/".repeat(600)), file("x", b"")]));
    assert!(said.ends_with("longer than 1024 bytes"), "{said}");
    let said = refusal(&packed(&[pax("path", &"a".repeat(256)), file("x", b"")]));
    assert!(said.ends_with("longer than 255 bytes"), "{said}");
    let link = member(b"././@LongLink", b'L', b"../../evil\0");
    assert!(refusal(&packed(&[link, file("x", b"")])).contains("`../../evil`"));
}

#[test]
fn only_files_and_folders_are_let_through() {
    for (kind, reason) in [
        (b'1', "hard links"),
        (b'2', "symbolic links"),
        (b'3', "devices"),
        (b'4', "devices"),
        (b'6', "named pipes"),
        (b'S', "sparse files"),
        (b'K', "hard links"),
        (b'7', "only files and folders"),
        (b'Z', "only files and folders"),
    ] {
        let said = refusal(&packed(&[member(b"odd", kind, b"")]));
        assert!(
            said.contains("entry `odd`") && said.contains(reason),
            "{kind}: {said}"
        );
    }
    let said = refusal(&packed(&[pax("GNU.sparse.major", "1"), file("x", b"")]));
    assert!(said.contains("sparse"), "{said}");
    let said = refusal(&packed(&[pax("size", "4096"), file("x", b"abc")]));
    assert!(
        said.ends_with("its headers disagree about its size"),
        "{said}"
    );
    let said = refusal(&packed(&[pax("size", "many"), file("x", b"abc")]));
    assert!(said.ends_with("its size is not a number"), "{said}");
    let said = refusal(&packed(&[member(b"dir", b'5', b"content")]));
    assert!(said.ends_with("a folder must not have content"), "{said}");
    let global = member(b"g", b'g', b"14 path=evil1\n");
    assert!(refusal(&packed(&[global])).contains("global header"));
    let huge = member(b"x", b'x', &vec![b'1'; 70_000]);
    assert!(refusal(&packed(&[huge])).contains("too long"));
}

#[test]
fn names_that_clash_are_refused() {
    let said = refusal(&packed(&[file("a", b"1"), file("./a", b"2")]));
    assert!(said.ends_with("it is there twice"), "{said}");
    let said = refusal(&packed(&[file("a", b"1"), file("a/b", b"2")]));
    assert!(said.ends_with("it lies in what is a file"), "{said}");
    let said = refusal(&packed(&[file("a/b", b"1"), file("a", b"2")]));
    assert!(said.ends_with("it is there twice"), "{said}");
    let twice = [member(b"a/", b'5', b""), member(b"a", b'5', b"")];
    assert!(check_archive(&*packed(&twice)).is_ok());
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [b"".to_vec(), b"not gzip".to_vec()] {
        assert!(refusal(&bytes).starts_with("not a readable .tar.gz archive"));
    }
    let whole = packed(&[file("a", &[7; 5000])]);
    assert!(refusal(&whole[..whole.len() / 2]).starts_with("not a readable"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(&file("a", &[7; 5000])[..2000])
        .expect("in memory");
    let cut = encoder.finish().expect("in memory");
    assert!(refusal(&cut).starts_with("not a readable"));
    let mut broken = file("a", b"1");
    broken[150] ^= 1;
    assert!(refusal(&packed(&[broken])).starts_with("not a readable"));
}

#[test]
fn bombs_are_refused_early() {
    // 200 MB of zeros in 200 KB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = Header::new_ustar();
    header.set_path("zeros").expect("a short path");
    header.set_size(200_000_000);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).expect("in memory");
    for _ in 0..200 {
        encoder.write_all(&vec![0; 1_000_000]).expect("in memory");
    }
    let bomb = encoder.finish().expect("in memory");
    assert!(matches!(check_archive(&*bomb), Err(ArchiveError::Bomb)));
    // A size that is a lie.
    header.set_size(MOST_BYTES + 1);
    header.set_cksum();
    let lie = packed(&[header.as_bytes().to_vec()]);
    assert!(matches!(check_archive(&*lie), Err(ArchiveError::TooLarge)));
}

#[test]
fn too_many_entries_are_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for number in 0..=MOST_ENTRIES {
        let name = format!("{number:x}");
        encoder.write_all(&file(&name, b"")).expect("in memory");
    }
    let many = encoder.finish().expect("in memory");
    let refused = check_archive(&*many);
    assert!(
        matches!(refused, Err(ArchiveError::TooManyEntries { .. })),
        "{refused:?}"
    );
}
