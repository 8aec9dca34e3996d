//! `docs/reference/limits.md` says what the code does.

use std::time::Duration;

const PAGE: &str = include_str!("../../../docs/reference/limits.md");

/// The second column of the row `what` below the heading `section`.
fn said(section: &str, what: &str) -> &'static str {
    let below = PAGE.split("\n## ").find(|it| it.starts_with(section));
    let row = below
        .expect("the section is there")
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| {what} | ")));
    let row = row.unwrap_or_else(|| panic!("`{section}` has no row `{what}`"));
    row.trim_end_matches(" |")
}

/// `1000` as `1,000`.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn count(count: usize) -> String {
    number(count.try_into().expect("a small number"))
}

fn bytes(bytes: u64) -> String {
    let (mut number, mut unit) = (bytes / 1024, "KiB");
    for larger in ["MiB", "GiB"] {
        if number.is_multiple_of(1024) && number > 0 {
            (number, unit) = (number / 1024, larger);
        }
    }
    format!("{} {unit}", self::number(number))
}

fn memory(size: usize) -> String {
    bytes(size.try_into().expect("a small number"))
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

#[test]
fn the_control_plane() {
    let limits = wharf_api::Limits::default();
    assert_eq!(limits.handshake, limits.head_time);
    let heads = [
        limits.headers.to_string(),
        memory(limits.header_bytes),
        memory(limits.head_bytes),
    ];
    let body = [
        bytes(limits.body_rate),
        "a second over".to_owned(),
        seconds(limits.body_window),
    ];
    for (what, most) in [
        ("connections at once", count(limits.connections)),
        (
            "connections from one address",
            count(limits.connections_per_address),
        ),
        (
            "a connection without a request; one that idles after a request",
            format!("{}; {}", seconds(limits.head_time), seconds(limits.idle)),
        ),
        (
            "an answer of which nothing is taken",
            seconds(limits.write_stall),
        ),
        (
            "TLS handshake; the head of a request, from its first byte where the connection idled",
            format!("{} each", seconds(limits.head_time)),
        ),
        ("header fields; one field; all together", heads.join("; ")),
        ("path and query", memory(limits.uri_bytes)),
        ("body, uploads aside", bytes(limits.body_bytes)),
        ("a body must bring", body.join(" ")),
        ("nesting of JSON", limits.json_depth.to_string()),
        (
            "streams on one HTTP/2 connection",
            limits.streams.to_string(),
        ),
    ] {
        assert_eq!(said("Requests to the control plane", what), most, "{what}");
    }
}

#[test]
fn the_router() {
    let limits = wharf_router::Limits::default();
    assert_eq!(limits.handshake, limits.head_time);
    let heads = [
        limits.headers.to_string(),
        memory(limits.header_bytes),
        memory(limits.head_bytes),
    ];
    for (what, most) in [
        (
            "connections at once",
            format!("{} (`--scoring-connections`)", count(limits.connections)),
        ),
        (
            "connections from one address",
            count(limits.connections_per_address),
        ),
        (
            "a connection without a request; one of HTTP/1 that idles after a request",
            format!("{}; {}", seconds(limits.head_time), seconds(limits.idle)),
        ),
        (
            "an answer of which nothing is taken",
            seconds(limits.write_stall),
        ),
        (
            "TLS handshake; the head of a request, from its first byte where the connection idled",
            format!("{} each", seconds(limits.head_time)),
        ),
        ("header fields; one field; all together", heads.join("; ")),
        (
            "body",
            format!("{} (`--largest-scoring-body`)", bytes(limits.body_bytes)),
        ),
        (
            "memory for bodies that are read before a slot is taken",
            format!(
                "{} each, {} together",
                memory(limits.buffered_body_bytes),
                memory(limits.buffered_total_bytes)
            ),
        ),
    ] {
        assert_eq!(said("Scoring requests", what), most, "{what}");
    }
}

#[test]
fn uploads() {
    let blocks = said("Models, artifacts and blobs", "blocks of a file");
    let most = count(wharf_control::blobs::MOST_BLOCKS);
    assert_eq!(blocks, format!("{most}, together no larger than a file"));
}

#[test]
fn certificates_of_computes() {
    use wharf_core::tls::{
        LARGEST_CERTIFICATE, LARGEST_KEY, LONGEST_LEAF_LABEL, MOST_CERTIFICATES,
    };
    let section = "Computes and clusters";
    assert_eq!(
        said(section, "a certificate with its chain; its key"),
        format!(
            "{} and {MOST_CERTIFICATES} certificates; {}",
            memory(LARGEST_CERTIFICATE),
            memory(LARGEST_KEY)
        )
    );
    let label = said(section, "leaf domain label");
    assert!(label.starts_with(&format!("1 to {LONGEST_LEAF_LABEL} characters")));
    assert_eq!(
        said(
            section,
            "labels of a workspace that keep their name while no compute has them"
        ),
        format!("the {} newest", wharf_control::MOST_UNHELD_LABELS)
    );
}

#[test]
fn fairness() {
    const FAIRNESS: &str = include_str!("../../../docs/reference/fairness.md");
    let has = |row: String| assert!(FAIRNESS.contains(&row), "{row}");
    let rates = wharf_api::Throttling::default();
    for (rate, option) in [
        (rates.arm_reads, "arm-reads"),
        (rates.arm_writes, "arm-writes"),
        (rates.arm_deletes, "arm-deletes"),
        (rates.data_reads, "data-reads"),
        (rates.data_writes, "data-writes"),
    ] {
        has(format!("| {rate} | `--{option}` |"));
    }
    let quotas = wharf_core::quota::Quotas::default();
    for quota in wharf_core::quota::Quota::ALL {
        let most = quotas.most(quota);
        let most = match quota {
            wharf_core::quota::Quota::Bytes => bytes(most),
            _ => number(most),
        };
        has(format!("| {most} | `--most-{}` |", quota.as_str()));
    }
    let most = [
        count(wharf_core::limits::MOST_PRINCIPALS),
        count(wharf_core::limits::MOST_ROLE_ASSIGNMENTS),
    ];
    let said = said(
        "Requests to the control plane",
        "principals; roles of all together",
    );
    assert_eq!(said, most.join("; "));
}

#[test]
fn catalogues_and_instance_types() {
    let section = "Computes and clusters";
    let types = count(wharf_core::compute::MOST_INSTANCE_TYPES);
    let said_of_types = said(section, "instance types; identities of a compute");
    assert!(said_of_types.starts_with(&format!("{types}; ")));
    let sizes = count(wharf_core::vm_size::MOST_SIZES);
    let versions = count(wharf_core::kubernetes_version::MOST_VERSIONS);
    assert_eq!(
        said(section, "sizes; versions of a catalogue"),
        format!("{sizes}; {versions}, in a file of 4 MiB")
    );
}
