//! A throw-away server as a child process, and the kernel's account of it.

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Clock ticks in a second, as Linux reports them to programs (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;
/// What the server prints when it answers.
const READY: &str = "Wharf is ready at ";

/// What a server leaves in `admin.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Administrator {
    pub(super) subscription_id: String,
    pub(super) resource_group: String,
    pub(super) workspace_name: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) ca_file: PathBuf,
}

/// A server that ends with this value.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
    pub(super) administrator: Administrator,
}

impl Server {
    /// Starts `binary` on free ports with its data in `folder`, and waits until it
    /// says that it is ready.
    pub(super) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg("server")
            .arg("--data-dir")
            .arg(folder)
            .args(["--listen", "127.0.0.1:0", "--scoring-listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("server.log"))?)
            .spawn()
            .map_err(|error| format!("{}: {error}; build it first", binary.display()))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(output).lines();
        let url = loop {
            let Some(line) = lines.next() else {
                let log = fs::read_to_string(folder.join("server.log"))?;
                return Err(format!("the server ended before it was ready:\n{log}").into());
            };
            if let Some(url) = line?.strip_prefix(READY) {
                break url.trim().to_owned();
            }
        };
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.map_while(std::result::Result::ok).for_each(drop));
        let text = fs::read(folder.join("admin.json"))?;
        Ok(Self {
            child,
            url,
            administrator: serde_json::from_slice(&text)?,
        })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU seconds that it has used, user and system together.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // The second field is the program's name and may hold anything.
        let rest = stat.rsplit_once(')').ok_or("an odd /proc/PID/stat")?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| -> Result<f64> {
            Ok(fields.get(index).ok_or("a short /proc/PID/stat")?.parse()?)
        };
        // utime and stime are fields 14 and 15, counted from 1 with pid first.
        Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
    }

    /// Its children's ids: the scorers of its replicas and theirs.
    pub(super) fn descendants(&self) -> Result<Vec<u32>> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Ok(pid) = name.to_string_lossy().parse::<u32>() else {
                continue;
            };
            // A process may end while we look.
            let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
                continue;
            };
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
            if let Some(Ok(parent)) = parent.map(|text| text.trim().parse::<u32>()) {
                parents.push((pid, parent));
            }
        }
        let mut found = vec![self.pid()];
        let mut index = 0;
        while index < found.len() {
            let parent = found[index];
            found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            index += 1;
        }
        found.remove(0);
        Ok(found)
    }
}

/// Memory that a process keeps in RAM, in MiB.
pub(super) fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in /proc/PID/status")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in self.descendants().unwrap_or_default() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
