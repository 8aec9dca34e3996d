//! A corpus of hostile archives, and spoiled honest ones: nothing lands outside, and
//! what is refused is refused before and while it is unpacked alike.

use std::time::{Duration, Instant};

use super::*;

/// Paths that lead out, or lead readers apart.
const NAMES: [&str; 46] = [
    "..",
    "../",
    "../x",
    "../../x",
    "./../x",
    "./../../x",
    "a/../x/../../y",
    "a/b/../../../x",
    "a/./../../x",
    "a//../../x",
    "a/...//../../x",
    "../.",
    "..//x",
    "x/..",
    "x/../",
    "/",
    "//",
    "/x",
    "///x",
    "/./x",
    "/../x",
    "/proc/self/environ",
    "/dev/shm/x",
    "/tmp/x",
    "\\x",
    "..\\x",
    "..\\..\\x",
    "a\\b",
    "a/..\\../x",
    "C:\\x",
    "\\\\host\\share",
    "a\tb",
    "a\rb",
    "a\n",
    "\n",
    "a\u{7f}",
    "a\u{1b}[2J",
    "a\u{1}",
    "a/\u{8}b",
    "..\n/x",
    "../\n",
    "a/../..",
    "a/b/c/../../../..",
    "././../.",
    "a/../b",
    "b/../b/x",
];

#[test]
fn every_way_out_is_closed() {
    for name in NAMES {
        // As a file, as a folder, behind a PAX header and behind a GNU long name.
        refusal(&packed(&[file("ok", b"1"), file(name, b"x")]));
        refusal(&packed(&[member(name.as_bytes(), b'5', b"")]));
        refusal(&packed(&[pax("path", name), file("fine", b"x")]));
        let long = member(b"././@LongLink", b'L', format!("{name}\0").as_bytes());
        refusal(&packed(&[long, file("fine", b"x")]));
    }
}

#[test]
fn links_are_refused_before_anything_goes_through_them() {
    let link = |kind: u8, name: &str, target: &str| {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[156] = kind;
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_size(0);
        header.set_mode(0o777);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    for target in ["/", "..", "../..", "/etc", "ok", ".", "l", "/proc/self/cwd"] {
        for kind in [b'1', b'2'] {
            let first = link(kind, "l", target);
            let said = refusal(&packed(&[first.clone(), file("l/x", b"x")]));
            assert!(said.contains("links"), "{target}: {said}");
            refusal(&packed(&[file("ok", b"1"), first, file("l", b"x")]));
        }
    }
    let path = pax("linkpath", "/etc/passwd");
    refusal(&packed(&[path, link(b'2', "l", "ok")]));
}

#[test]
fn headers_that_two_readers_read_apart_are_refused() {
    for records in [
        vec![pax("size", "0"), file("x", &[7; 600])],
        vec![pax("size", "-1"), file("x", b"abc")],
        vec![pax("size", "18446744073709551616"), file("x", b"abc")],
        vec![pax("GNU.sparse.name", "y"), file("x", b"abc")],
        vec![pax("GNU.sparse.map", "0,1"), file("x", b"abc")],
        vec![pax("GNU.sparse.realsize", "99999999999"), file("x", b"a")],
        vec![member(b"p", b'x', b"999 path=x\n"), file("x", b"a")],
        vec![member(b"p", b'x', b"path=../x\n"), file("x", b"a")],
        vec![member(b"p", b'x', b"-5 path=x\n"), file("x", b"a")],
    ] {
        refusal(&packed(&records));
    }
}

/// An archive in an archive stays the file that it is.
#[test]
fn what_is_inside_an_archive_is_not_unpacked() {
    let inner = packed(&[file("../evil", b"x")]);
    let outer = packed(&[file("inner.tar.gz", &inner)]);
    let summary = check_archive(&*outer).expect("honest outside");
    assert_eq!(summary.entries, 1);
    assert_eq!(summary.bytes, inner.len() as u64);
}

/// `WHARF_FUZZ_SECONDS` says how long, `WHARF_SEED` repeats a run.
#[test]
fn fuzz_archives() {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let budget = setting("WHARF_FUZZ_SECONDS").map(Duration::from_secs);
    let mut state = setting("WHARF_SEED").unwrap_or(0x5eed) | 1;
    let mut below = |limit: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let number = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % limit.max(1)
    };
    let members = [
        member(b"src/", b'5', b""),
        pax("path", "src/long name"),
        file("short", b"text"),
        member(b"././@LongLink", b'L', b"gnu/long\0"),
        file("gnu", &[7; 700]),
    ];
    let plain = members.concat();
    let whole = packed(&members);
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let target = scratch.path().join("a/target");
    let (began, mut count, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
    while budget.map_or(count < 300, |budget| began.elapsed() < budget) {
        // Spoiled before it is packed, so that the tar is; every fourth after.
        let mut bytes = if count % 4 == 0 {
            whole.clone()
        } else {
            plain.clone()
        };
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            bytes[at] = [b'/', b'.', 0, 0xff, b'9', b'\\', b'2'][below(7)];
        }
        if count % 4 != 0 {
            // A sum that fits again, or few would get past it.
            for start in (0..bytes.len()).step_by(512) {
                if let Some(block) = bytes.get_mut(start..start + 512)
                    && block[257..262] == *b"ustar"
                {
                    let mut header = Header::from_byte_slice(block).clone();
                    header.set_cksum();
                    block.copy_from_slice(header.as_bytes());
                }
            }
            bytes = packed(&[bytes]);
        }
        let shown = || bytes.escape_ascii().to_string();
        fs::create_dir_all(&target).expect("a folder");
        let dir = Dir::open_ambient_dir(&target, ambient_authority()).expect("a folder");
        let start = Instant::now();
        let (checked, unpacked) = (check_archive(&*bytes), unpack_archive(&*bytes, &dir));
        slowest = slowest.max(start.elapsed());
        assert_eq!(checked.is_ok(), unpacked.is_ok(), "{}", shown());
        let beside = fs::read_dir(scratch.path().join("a")).expect("a folder");
        assert_eq!(beside.count(), 1, "{}", shown());
        fs::remove_dir_all(&target).expect("only files and folders");
        count += 1;
    }
    println!(
        "fuzz archive: {count} inputs in {:?}, slowest {slowest:?}",
        began.elapsed()
    );
    let is_slow = budget.is_some() && slowest > Duration::from_secs(1);
    assert!(!is_slow, "{slowest:?}");
}
