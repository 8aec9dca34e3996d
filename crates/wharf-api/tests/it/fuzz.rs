//! Bytes that nobody means, to everything that reads a client's text.
//!
//! Each parser gets valid texts and spoils them by a seeded dice. `WHARF_FUZZ_SECONDS`
//! says how long each runs (a fixed count of inputs without it, and time decides
//! nothing then); `WHARF_SEED` repeats a run. A panic tells the input.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;
use serde_json::{Value, json};
use wharf_core::{kubeconfig::Kubeconfig, resource_id::ResourceId};
use wharf_wire::{
    arm::deployments::{self, GroupScope},
    blob, patch, v1,
};

use crate::surface::Surface;

/// Inputs of each parser where no time is given.
const INPUTS: u64 = 3_000;
/// Those that reach the store or the audit log cost more.
const COSTLY_INPUTS: u64 = 300;
/// None may take longer, where time is measured at all.
const LONGEST: Duration = Duration::from_secs(1);

/// What separates things in the languages that are read here.
#[rustfmt::skip]
const TOKENS: [&[u8]; 40] = [
    b"\0", b"\r\n", b"\xff", b"\xed\xa0\x80", "\u{202e}".as_bytes(), b"%00", b"%2F", b"%", b"..",
    b"/", b"//", b"~", b"~0", b"~1", b"~2", b"-", b"0", b"-1", b"18446744073709551616", b"1e400",
    b"{", b"}", b"[", b"]", b"\"", b"'", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"null", b"&a *a",
    b"<!DOCTYPE a>", b"<Latest>", b"=", b"&", b"?", b"[concat(", b".",
];

/// xorshift64*: enough for spoiling bytes, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % limit.max(1)
    }

    fn part(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - start).min(64) + 1);
        start..start + length
    }

    /// One of the valid texts, spoiled in one to six places.
    fn spoiled(&mut self, valid: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = valid[self.below(valid.len())].clone();
        for _ in 0..=self.below(6) {
            let part = self.part(&bytes);
            match self.below(8) {
                0 if !bytes.is_empty() => {
                    let at = self.below(bytes.len());
                    bytes[at] ^= 1 << self.below(8);
                }
                1 => drop(bytes.drain(part)),
                2 => {
                    let copied = bytes[part.clone()].to_vec();
                    drop(bytes.splice(part.end..part.end, copied));
                }
                3 => bytes.truncate(part.start),
                4 => {
                    let other = &valid[self.below(valid.len())];
                    let from = self.part(other);
                    drop(bytes.splice(part, other[from].to_vec()));
                }
                5 => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    let often = 1 << self.below(13);
                    drop(bytes.splice(part.start..part.start, token.repeat(often)));
                }
                _ => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    drop(bytes.splice(part, token.to_vec()));
                }
            }
        }
        bytes
    }
}

fn seed() -> u64 {
    let given = std::env::var("WHARF_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(0x5eed) | 1
}

/// How long each parser runs, if time decides.
fn budget() -> Option<Duration> {
    let given = std::env::var("WHARF_FUZZ_SECONDS").ok()?;
    Some(Duration::from_secs(given.parse().expect("whole seconds")))
}

/// Counts inputs, and says whether there are more.
struct Run {
    name: &'static str,
    inputs: u64,
    began: Instant,
    count: u64,
    slowest: Duration,
}

impl Run {
    fn new(name: &'static str, inputs: u64) -> Self {
        Self {
            name,
            inputs,
            began: Instant::now(),
            count: 0,
            slowest: Duration::ZERO,
        }
    }

    fn goes_on(&self) -> bool {
        match budget() {
            Some(budget) => self.began.elapsed() < budget,
            None => self.count < self.inputs,
        }
    }

    fn took(&mut self, took: Duration, input: &[u8]) {
        self.count += 1;
        self.slowest = self.slowest.max(took);
        let is_slow = budget().is_some() && took > LONGEST;
        let shown = input[..input.len().min(2_000)].escape_ascii();
        assert!(!is_slow, "{}: {took:?} for {shown}", self.name);
    }

    #[expect(
        clippy::print_stdout,
        reason = "the figures that `make fuzz` is run for"
    )]
    fn tell(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        println!(
            "fuzz {}: {} inputs, {:.0}/s, slowest {:?}",
            self.name,
            self.count,
            self.count as f64 / seconds,
            self.slowest
        );
    }
}

fn texts(valid: &[&str]) -> Vec<Vec<u8>> {
    valid.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Gives a parser spoiled texts; what it says does not matter, that it ends does.
fn fuzz<T>(name: &'static str, valid: &[&str], mut read: impl FnMut(&[u8]) -> T) {
    let valid = texts(valid);
    let mut dice = Dice(seed());
    let mut run = Run::new(name, INPUTS);
    while run.goes_on() {
        let input = dice.spoiled(&valid);
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| drop(read(&input)))).is_err() {
            panic!("{name}, WHARF_SEED={}: {}", seed(), input.escape_ascii());
        }
        run.took(began.elapsed(), &input);
    }
    run.tell();
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

const PATCH: &str = r#"[{"op": "replace", "path": "/kvTags/a~1b~0", "value": {"c": [1, null]}},
    {"op": "add", "path": "/list/-", "value": 1}, {"op": "move", "from": "/kvTags", "path": "/x"},
    {"op": "remove", "path": "/list/0"}, {"op": "test", "path": "", "value": {}},
    {"op": "copy", "from": "/list", "path": "/kvTags/list"}]"#;

#[test]
fn json_patch() {
    let document = json!({"kvTags": {"a/b~": "c"}, "list": [1, {"d": []}], "name": "x"});
    fuzz("JSON-Patch", &[PATCH], |input| {
        let Ok(value) = serde_json::from_slice::<Value>(input) else {
            return;
        };
        let mut findings = Vec::new();
        let operations = patch::read(&value, &mut findings);
        patch::apply(&mut document.clone(), &operations, &mut findings);
    });
}

/// Not many spoiled texts are JSON still: paths alone, too.
#[test]
fn json_patch_paths() {
    let document = json!({"kvTags": {"a/b~": "c"}, "list": [1, {"d": []}], "name": "x"});
    let paths = ["/kvTags/a~1b~0", "/list/-", "", "/list/0", "/list/1/d/0"];
    fuzz("JSON-Patch's paths", &paths, |input| {
        for op in ["add", "remove", "replace", "test", "move", "copy"] {
            let path = text(input);
            let step = json!([{"op": op, "path": path, "from": "/list", "value": [1]}]);
            let mut findings = Vec::new();
            let operations = patch::read(&step, &mut findings);
            patch::apply(&mut document.clone(), &operations, &mut findings);
        }
    });
}

#[test]
fn blob_ranges() {
    let ranges = ["bytes=0-9", "bytes=5-", "bytes=-7", "bytes=0-1,3-4"];
    fuzz("blob range", &ranges, |input| {
        blob::read_range(&text(input))
    });
    let list = r#"<?xml version="1.0" encoding="utf-8"?><BlockList><Latest>MDAw</Latest>
        <Committed>MDAx</Committed><!-- c --><Uncommitted>MDAy</Uncommitted></BlockList>"#;
    fuzz("block list", &[list], blob::read_block_list);
}

#[test]
fn arm_ids() {
    let ids = [
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/computes/c",
        "/subscriptions/s/resourcegroups/g/providers/Microsoft.ContainerService/managedClusters/c",
        "/subscriptions/s",
    ];
    fuzz("ARM id", &ids, |input| text(input).parse::<ResourceId>());
}

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: \
    \"https://cluster.example:6443\", certificate-authority-data: AAAA}\nusers:\n- name: u\n  user:\n    \
    token: t\ncontexts:\n- name: x\n  context: &a {cluster: c, user: u}\n- name: y\n  context: *a\n\
    current-context: x\npreferences: {}\n";

#[test]
fn kubeconfigs() {
    fuzz("kubeconfig", &[KUBECONFIG], |input| {
        Kubeconfig::parse(&text(input), None).map(|_| ()).is_ok()
    });
}

const TEMPLATE: &str = r#"{"properties": {"mode": "Incremental", "parameters": {"name": {"value": "n"}}, template: {
    // az leaves comments where they are.
    "contentVersion": "1.0.0.0", "parameters": {"name": {"type": "string"}},
    "variables": {"v": "[concat('a', parameters('name'))]"}, /* more */
    "resources": [{"type": "Microsoft.MachineLearningServices/workspaces", "name": "[variables('v')]",
        "location": "[resourceGroup().location]", "tags": {"a": "[toLower(uniqueString('x', 'y'))]"}}],
    "outputs": {"o": {"type": "string", "value": "[format('{0}-{1}', 'a', 'b')]"}}}}}"#;

fn group() -> GroupScope {
    GroupScope {
        subscription: "s".to_owned(),
        tenant: "t".to_owned(),
        group: "g".to_owned(),
        location: "local".to_owned(),
    }
}

#[test]
fn templates() {
    let group = group();
    fuzz("lenient template", &[TEMPLATE], |input| {
        let parsed = deployments::parse_body(&text(input), 64).ok()?;
        Some(deployments::parse(&parsed, &group).is_ok())
    });
}

#[test]
fn template_expressions() {
    let group = group();
    let expressions = [
        "[concat('a', parameters('name'))]",
        "[format('{0}-{1}', 'a', 'b')]",
        "[resourceId('Microsoft.KeyVault/vaults', 'v')]",
        "[[text]",
        "[if(equals(1, 2), 'a', substring('abc', 1, 1))]",
    ];
    fuzz("template expression", &expressions, |input| {
        let mut body = deployments::parse_body(TEMPLATE, 64).expect("valid");
        body["properties"]["template"]["variables"]["v"] = json!(text(input));
        deployments::parse(&body, &group).is_ok()
    });
}

const ENVIRONMENT: &str = r#"{"name": "e", "environmentVariables": {"A": "b"}, "python": {
    "userManagedDependencies": false, "condaDependencies": {"name": "c", "channels": ["conda-forge"],
    "dependencies": ["python=3.11", "numpy>=1.2,<3", {"pip": ["a[b]==1.0; python_version < '3.12'"]}]}},
    "docker": {"baseImage": "i"}, "inferencingStackVersion": null}"#;

#[test]
fn environment_specifications() {
    fuzz("environment", &[ENVIRONMENT], |input| {
        let value: Value = serde_json::from_slice(input).ok()?;
        v1::environments::read_registration(&value).ok()
    });
}

/// Sends spoiled requests to the whole server, in memory.
async fn fuzz_requests(
    surface: &Surface,
    name: &'static str,
    valid: &[&str],
    request: impl Fn(&[u8]) -> Option<Request<Bytes>>,
) {
    let valid = texts(valid);
    let mut dice = Dice(seed());
    let mut run = Run::new(name, COSTLY_INPUTS);
    let mut answered = 0_u64;
    while run.goes_on() {
        let input = dice.spoiled(&valid);
        let began = Instant::now();
        if let Some(request) = request(&input) {
            let answering = AssertUnwindSafe(surface.api.answer(request)).catch_unwind();
            let shown = input[..input.len().min(2_000)].escape_ascii();
            let Ok(answer) = answering.await else {
                panic!("{name}, WHARF_SEED={}: {shown}", seed());
            };
            assert!(!answer.status().is_server_error(), "{name}: {shown}");
            answered += 1;
        }
        run.took(began.elapsed(), &input);
    }
    run.tell();
    assert!(
        answered > run.count / 10,
        "{answered} of {} got in",
        run.count
    );
}

#[tokio::test]
async fn paths_of_routes() {
    let surface = Surface::new().await;
    let workspace = surface.workspace();
    let paths = [
        surface.mms("/models/iris%3A1"),
        surface.mms("/services?count=1&tags=a%3Db&expand=true"),
        format!("{workspace}/computes/c?api-version=2020-02-02&$top=1&$skipToken=eyJhIjoxfQ"),
        format!("/artifact/v2.0{workspace}/artifacts/contentinfo/LocalUpload/c/a/b.txt"),
        format!("/environment/v1.0{workspace}/environments/e/versions/1"),
        "/adfs/discovery/keys".to_owned(),
    ];
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    fuzz_requests(&surface, "route path", &paths, |input| {
        let request = Request::get(text(input).as_ref())
            .header("host", "localhost:8443")
            .header("authorization", format!("Bearer {}", surface.token));
        request.body(Bytes::new()).ok()
    })
    .await;
}

#[tokio::test]
async fn tokens() {
    let surface = Surface::new().await;
    let workspace = surface.workspace();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJleHAiOjk5OTk5OTk5OTk5fQ.";
    let valid = [surface.token.as_str(), none];
    fuzz_requests(&surface, "JWT", &valid, |input| {
        let mut value = b"Bearer ".to_vec();
        value.extend_from_slice(input);
        let request = Request::get(&workspace).header("host", "localhost:8443");
        let request = request.header("authorization", value);
        request.body(Bytes::new()).ok()
    })
    .await;
}

#[tokio::test]
async fn signatures() {
    let surface = Surface::new().await;
    let path = format!(
        "/artifact/v2.0{}/artifacts/batch/metadata/LocalUpload/fuzz",
        surface.workspace()
    );
    let body = json!({"paths": [{"path": "a.bin"}]});
    let announced = surface.ask("POST", &path).json(&body).send().await.json();
    let uri = &announced["artifactContentInformation"]["a.bin"]["contentUri"];
    let uri = uri.as_str().expect("an address").to_owned();
    let rest = uri.trim_start_matches("https://");
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    fuzz_requests(&surface, "SAS", &[path], |input| {
        let request = Request::get(text(input).as_ref()).header("host", host);
        request.body(Bytes::new()).ok()
    })
    .await;
}

#[tokio::test]
async fn certificates() {
    let surface = Surface::new().await;
    let workspace = surface.workspace();
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).expect("made");
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let joined = format!("{pem}@@{key}");
    fuzz_requests(&surface, "PEM", &[&joined], |input| {
        let both = text(input);
        let (pem, key) = both.split_once("@@").unwrap_or((&both, &key));
        let body = json!({"location": "local", "properties": {"computeType": "AKS", "properties": {
            "clusterPurpose": "DevTest",
            "sslConfiguration": {"status": "Enabled", "cert": pem, "key": key, "cname": "a.example"},
        }}});
        let path = format!("{workspace}/computes/fuzz?api-version=2020-02-02");
        let request = Request::put(path)
            .header("host", "localhost:8443")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", surface.token));
        request.body(Bytes::from(body.to_string())).ok()
    })
    .await;
}
