//! Conda's names for packages, and what becomes of them.

use std::{collections::HashMap, sync::LazyLock};

const MAPPED: &str = include_str!("names/mapped.txt");
const DROPPED: &str = include_str!("names/dropped.txt");
const REFUSED: &str = include_str!("names/refused.txt");

/// Python packages whose names start like those of C libraries.
const LIB_LIKE: &[&str] = &[
    "libarchive-c",
    "libclang",
    "libcst",
    "libmagic",
    "libpysal",
    "librosa",
    "librt",
    "libsass",
    "libsvm",
    "libtmux",
    "libusb1",
    "libvirt-python",
];

/// What becomes of a conda package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is on the Python package index, under this name.
    Package(String),
    /// The interpreter, the wheels or the host bring it.
    Dropped,
    /// It cannot be had: what it is.
    Refused(&'static str),
}

static FATES: LazyLock<HashMap<&'static str, Fate>> = LazyLock::new(|| {
    let mapped = lines(MAPPED).filter_map(|line| line.split_once(' '));
    let refused = lines(REFUSED).filter_map(|line| line.split_once(' '));
    mapped
        .map(|(conda, name)| (conda, Fate::Package(name.to_owned())))
        .chain(lines(DROPPED).map(|name| (name, Fate::Dropped)))
        .chain(refused.map(|(name, what)| (name, Fate::Refused(what))))
        .collect()
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A package's name as the index compares names (PEP 503): lower case, each run of
/// `-`, `_` and `.` one hyphen.
pub(super) fn normalise(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

/// What becomes of the conda package `name`. A name that is in no table is taken
/// for the same name on the index, unless it looks like a C library or R.
pub(super) fn fate(name: &str) -> Fate {
    let name = normalise(name);
    let key = name.trim_start_matches('-');
    if let Some(known) = FATES.get(key) {
        return known.clone();
    }
    if key.starts_with("r-") || key.starts_with("bioconductor-") {
        return Fate::Refused("an R package");
    }
    if key.starts_with("lib") && !LIB_LIKE.contains(&key) {
        return Fate::Refused("a native library");
    }
    if key.ends_with("-linux-64") {
        return Fate::Refused("a compiler or system package");
    }
    Fate::Package(key.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn normalises_as_the_index_does() {
        for (name, normal) in [
            ("Ruamel.YAML", "ruamel-yaml"),
            ("huggingface_hub", "huggingface-hub"),
            ("a-_.b", "a-b"),
            (" numpy ", "numpy"),
        ] {
            assert_eq!(normalise(name), normal);
        }
    }

    #[test]
    fn the_tables_are_sorted_normal_and_apart() {
        let mut seen = HashSet::new();
        for (text, columns) in [(MAPPED, 2), (DROPPED, 1), (REFUSED, 2)] {
            let keys: Vec<_> = lines(text)
                .map(|line| {
                    assert_eq!(line.split_once(' ').map_or(1, |_| 2), columns, "{line}");
                    line.split_once(' ').map_or(line, |(key, _)| key)
                })
                .collect();
            assert!(keys.is_sorted());
            for key in keys {
                assert_eq!(normalise(key), key);
                assert!(seen.insert(key), "{key} is there twice");
            }
        }
        for (_, name) in lines(MAPPED).filter_map(|line| line.split_once(' ')) {
            assert_eq!(normalise(name), name);
        }
    }

    #[test]
    fn knows_what_scripts_name() {
        let package = |name: &str| Fate::Package(name.to_owned());
        for (conda, expected) in [
            ("numpy", package("numpy")),
            ("scikit-learn", package("scikit-learn")),
            ("pytorch", package("torch")),
            ("opencv", package("opencv-python-headless")),
            ("py-opencv", package("opencv-python-headless")),
            ("py-xgboost", package("xgboost")),
            ("py-xgboost-cpu", package("xgboost-cpu")),
            ("tensorflow-gpu", package("tensorflow")),
            ("msgpack-python", package("msgpack")),
            ("pytables", package("tables")),
            ("matplotlib-base", package("matplotlib")),
            ("python-graphviz", package("graphviz")),
            ("dask-core", package("dask")),
            ("psycopg2", package("psycopg2-binary")),
            ("pytorch_geometric", package("torch-geometric")),
            ("pyg", package("torch-geometric")),
            ("bs4", package("beautifulsoup4")),
            ("sklearn", package("scikit-learn")),
            ("ruamel.yaml", package("ruamel-yaml")),
            ("librosa", package("librosa")),
            ("_py-xgboost-mutex", Fate::Dropped),
            ("_libgcc_mutex", Fate::Dropped),
            ("cudatoolkit", Fate::Dropped),
            ("pytorch-cuda", Fate::Dropped),
            ("setuptools", Fate::Dropped),
            ("openssl", Fate::Dropped),
        ] {
            assert_eq!(fate(conda), expected, "{conda}");
        }
        for conda in [
            "r-base",
            "r-ggplot2",
            "openjdk",
            "gdal",
            "cuda-nvcc",
            "graphviz",
            "ffmpeg",
            "nodejs",
            "libxml2",
            "libsomething",
            "gcc_linux-64",
        ] {
            assert!(matches!(fate(conda), Fate::Refused(_)), "{conda}");
        }
    }
}
