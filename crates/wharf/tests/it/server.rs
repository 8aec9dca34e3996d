//! A server that runs until it is stopped, killed, or dropped.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Ended, run, wharf};

/// A server on free ports, with its data directory `DIR/data` and its log in
/// `DIR/log`.
pub(crate) struct Server {
    child: Child,
    /// Read on after a stop, so that the server can write.
    out: BufReader<ChildStdout>,
    dir: PathBuf,
    /// Everything that it said until it was ready.
    pub(crate) said: String,
    /// `https://localhost:PORT`.
    pub(crate) url: String,
}

impl Server {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    pub(crate) fn start_with(dir: &Path, words: &[&str]) -> Self {
        let mut child = spawn(dir, words);
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        let url = loop {
            let start = said.len();
            let read = out.read_line(&mut said).expect("text");
            if read == 0 {
                let log = fs::read_to_string(dir.join("log")).expect("a log");
                panic!("it ended before it was ready:\n{said}{log}");
            }
            if let Some(url) = said[start..].strip_prefix("Wharf is ready at ") {
                break url.trim_end().to_owned();
            }
        };
        Self {
            child,
            out,
            dir: dir.to_owned(),
            said,
            url,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        data(&self.dir)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).expect("a log")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a pid"), signal).expect("it runs");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// SIGTERM, and waits.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// As [`Server::stop`]; with what it printed since it was ready.
    pub(crate) fn stop_and_read(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let mut said = String::new();
        self.out.read_to_string(&mut said).expect("text");
        (self.wait(), said)
    }

    /// SIGKILL, and waits.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Runs another `wharf` on the same data directory.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let data = self.data();
        let mut all = words.to_vec();
        let place = all
            .iter()
            .position(|word| *word == "--")
            .unwrap_or(all.len());
        let home = ["--data-dir", data.to_str().expect("text")];
        all.splice(place..place, home);
        run(&self.dir, &all)
    }

    /// Waits until the log has a line with this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        while !self.log().contains(text) {
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fine when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = &self.out;
    }
}

pub(crate) fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Starts a server and does not wait for it.
pub(crate) fn spawn(dir: &Path, words: &[&str]) -> Child {
    let log = fs::File::create(dir.join("log")).expect("a log");
    let mut command = wharf(dir, &["server", "--no-hosts-entry"]);
    // What a deployment needs is small; the machine's disk is not what is tested.
    command.args(["--keep-free", "64"]);
    command.arg("--data-dir").arg(data(dir));
    if !words.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("it starts")
}

/// What a start keeps: path and bytes of every file that later ones must not
/// change.
pub(crate) fn kept_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let data = data(dir);
    let mut paths: Vec<PathBuf> = ["keys", "tls"]
        .iter()
        .filter_map(|folder| fs::read_dir(data.join(folder)).ok())
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !is_unfinished(path))
        .collect();
    let others = [
        "admin.json",
        "env.sh",
        "config.json",
        "ca-bundle.pem",
        "ports.json",
    ];
    paths.extend(others.map(|name| data.join(name)));
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).ok().map(|bytes| (path, bytes));
    paths.into_iter().filter_map(read).collect()
}

/// What a write that was interrupted leaves; the next start removes it.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().expect("a name");
    name.as_encoded_bytes().starts_with(b".unfinished-")
}
