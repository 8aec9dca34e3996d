//! What was found, and how it is printed.

use std::fmt;

use crate::error::FAILED;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    /// Some things will not work; whether they are needed, the reader knows.
    Note,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    grade: Grade,
    subject: &'static str,
    text: String,
    advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Grade::Ok, subject, text)
    }

    pub(crate) fn note(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Grade::Note, subject, text)
    }

    pub(crate) fn fail(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(Grade::Fail, subject, text)
    }

    fn new(grade: Grade, subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            grade,
            subject,
            text: text.into(),
            advice: None,
        }
    }

    /// What to do.
    pub(crate) fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// All findings, in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn count(&self, grade: Grade) -> usize {
        self.findings.iter().filter(|it| it.grade == grade).count()
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.count(Grade::Fail) {
            0 => 0,
            _ => FAILED,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let grade = match finding.grade {
                Grade::Ok => "ok  ",
                Grade::Note => "note",
                Grade::Fail => "FAIL",
            };
            writeln!(f, "{grade}  {}: {}", finding.subject, finding.text)?;
            for line in finding.advice.iter().flat_map(|advice| advice.lines()) {
                writeln!(f, "      {line}")?;
            }
        }
        match (self.count(Grade::Fail), self.count(Grade::Note)) {
            (0, 0) => writeln!(f, "Everything is as it should be"),
            (0, notes) => writeln!(f, "Nothing failed, {notes} to note"),
            (failed, _) => writeln!(f, "{failed} failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_the_failures() {
        let mut report = Report::default();
        report.add(Finding::ok("a", "good"));
        report.add(Finding::note("b", "odd").with_advice("look\nagain"));
        assert_eq!(report.exit_code(), 0);
        assert_eq!(
            report.to_string(),
            "ok    a: good\nnote  b: odd\n      look\n      again\nNothing failed, 1 to note\n"
        );
        report.add(Finding::fail("c", "bad"));
        assert_eq!(report.exit_code(), 1);
        assert!(report.to_string().ends_with("FAIL  c: bad\n1 failed\n"));
    }
}
