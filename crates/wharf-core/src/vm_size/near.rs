//! Names that somebody may have meant.

use super::{LONGEST_NAME, VmSize};

/// What all names begin with; people leave it out.
const PREFIX: &str = "standard_";
/// Most single changes between a name and one that may be meant.
const FARTHEST: usize = 3;

/// At most `most` names of `sizes` that are near `name`, nearest first, quoted. A name
/// that is longer than any size's is near none.
pub(super) fn names(sizes: &[VmSize], name: &str, most: usize) -> Vec<String> {
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let asked = stem(name);
    let mut near: Vec<_> = sizes
        .iter()
        .map(|size| (distance(&asked, &stem(&size.name)), &size.name))
        .filter(|(distance, _)| *distance <= FARTHEST && *distance < asked.len())
        .collect();
    near.sort();
    // The nearest alone, where one is much nearer than the others.
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| *distance <= nearest + 1);
    let near = near.into_iter().take(most);
    near.map(|(_, name)| format!("`{name}`")).collect()
}

fn stem(name: &str) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    lower.strip_prefix(PREFIX).unwrap_or(&lower).into()
}

/// Fewest bytes to put in, take out or change that make one of the other.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.iter().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for (place, right) in other.iter().enumerate() {
            let changed = before + usize::from(left != right);
            before = row[place + 1];
            row[place + 1] = changed.min(before + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, far) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "ab", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), far);
            assert_eq!(distance(other.as_bytes(), one.as_bytes()), far);
        }
    }
}
