//! What the last lines of `uv` mean, in one sentence.

/// Longest message, in characters.
const LONGEST: usize = 1500;

/// Why a step of `uv` failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// These packages cannot be had together with this interpreter.
    Unsatisfiable(String),
    /// The index did not answer; another interpreter does not help.
    Unreachable(String),
    /// Something else.
    Other(String),
}

impl Cause {
    /// What to say.
    pub(super) fn message(&self) -> &str {
        let (Self::Unsatisfiable(it) | Self::Unreachable(it) | Self::Other(it)) = self;
        it
    }
}

/// Reads the last lines.
pub(super) fn cause(lines: &[String], how: &str) -> Cause {
    let start = lines
        .iter()
        .position(|line| line.starts_with("error:") || line.trim_start().starts_with('×'));
    let Some(start) = start else {
        let last = lines.last().map_or(how, String::as_str);
        return Cause::Other(shorten(last));
    };
    // Two shapes: `error: … / cause: …`, and the older `× … / ╰─▶ … / more`.
    let told = lines[start..]
        .iter()
        .map(|line| line.trim_start_matches(['×', '╰', '─', '▶', '│', ' ']))
        .take_while(|line| !line.starts_with("hint:"))
        .map(|line| {
            line.trim_start_matches("error:")
                .trim_start_matches("cause:")
                .trim()
        })
        .filter(|line| !line.is_empty());
    let told: Vec<_> = told.collect();
    let text = told.join(": ");
    if let Some(name) = before(&text, " was not found in the package registry") {
        return Cause::Unsatisfiable(format!(
            "`{name}` is not on the package index: check its name, or name the package that \
             holds it there"
        ));
    }
    if text.contains("No solution found") {
        let why = told[1..].join(" ");
        let hint = if why.contains("no usable wheels") || why.contains("no wheels") {
            "; only ready-made wheels are installed here, not source distributions"
        } else {
            ""
        };
        return Cause::Unsatisfiable(format!("{}{hint}", shorten(why.trim_end_matches('.'))));
    }
    if [
        "Failed to fetch",
        "Request failed",
        "error sending request",
        "dns error",
    ]
    .iter()
    .any(|it| text.contains(it))
    {
        return Cause::Unreachable(shorten(&format!(
            "the package index cannot be reached: {text}"
        )));
    }
    Cause::Other(shorten(&text))
}

/// The word before `phrase`.
fn before<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let at = text.find(phrase)?;
    text[..at].split_whitespace().next_back()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Cause {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        cause(&lines, "exit code 1")
    }

    #[test]
    fn names_a_package_that_is_not_there() {
        for text in [
            "error: No solution found when resolving dependencies\n  cause: Because nosuch was \
             not found in the package registry and you require nosuch, we can conclude that your \
             requirements are unsatisfiable.",
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because nosuch was not \
             found in the package registry and you require nosuch, we can conclude",
        ] {
            let Cause::Unsatisfiable(message) = read(text) else {
                panic!("{text}")
            };
            assert!(message.starts_with("`nosuch` is not on the package index"));
        }
    }

    #[test]
    fn keeps_the_reason_and_says_it_in_our_words() {
        let text = "error: No solution found when resolving dependencies\n  cause: Because \
                    numpy==1.15.4 has no usable wheels and you require numpy==1.15.4, we can \
                    conclude that your requirements are unsatisfiable.\n\nhint: Wheels are \
                    required for `numpy` because building from source is disabled";
        let Cause::Unsatisfiable(message) = read(text) else {
            panic!()
        };
        assert!(message.starts_with("Because numpy==1.15.4 has no usable wheels"));
        assert!(message.ends_with("not source distributions"), "{message}");
    }

    #[test]
    fn tells_an_index_that_is_away() {
        let text = "error: Failed to fetch: https://index/simple/six/\n  cause: error sending \
                    request for url\n  cause: dns error";
        assert!(matches!(read(text), Cause::Unreachable(it) if it.contains("dns error")));
    }

    #[test]
    fn takes_the_last_line_of_what_it_does_not_know() {
        assert_eq!(read("a\nb"), Cause::Other("b".to_owned()));
        assert_eq!(read(""), Cause::Other("exit code 1".to_owned()));
        let long = format!("error: {}", "x".repeat(5000));
        assert_eq!(read(&long).message().chars().count(), LONGEST + 1);
    }
}
