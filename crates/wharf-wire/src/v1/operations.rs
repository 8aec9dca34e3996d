//! Operations as `wait_for_deployment` polls them, with the log it streams.

use jiff::Timestamp;
use serde_json::{Value, json};
use wharf_core::operation::{Operation, OperationState};

use super::time;

/// Between lines. The SDK splits at it, so that no line may hold it.
const LINE_END: char = '#';
/// Between time and text, likewise.
const TIME_END: char = '|';
/// What stands for the two in a line.
const SHOWN: [(char, char); 2] = [(LINE_END, '＃'), (TIME_END, '¦')];
/// Most characters of one answer's part of the log; the client asks for the next
/// part by its offset.
const MOST_CHARACTERS: usize = 1024 * 1024;

/// An operation. `log_uri` is where its whole log can be read.
pub fn document(operation: &Operation, log_uri: &str, resource_uri: &str) -> Value {
    let mut document = json!({
        "id": operation.id.to_string(),
        "operationType": "Service",
        "state": state(operation),
        "createdTime": time::text(operation.created_at),
        "resourceLocation": resource_uri,
        "operationLog": log_uri,
        "operationDetails": {
            "operationId": operation.id.to_string(),
            "subOperationType": operation.step,
            "subOperationState": state(operation),
            "startTime": time::text(operation.created_at),
        },
    });
    if let Some(ended_at) = operation.ended_at {
        document["endTime"] = time::text(ended_at).into();
        document["operationDetails"]["endTime"] = time::text(ended_at).into();
    }
    match &operation.state {
        OperationState::Failed(failure) => document["error"] = super::services::error(failure),
        OperationState::Canceled => {
            document["error"] = json!({
                "code": "Cancelled",
                "message": "a newer change of the service overtook this one, and failed",
                "details": [],
            });
        }
        OperationState::InProgress | OperationState::Succeeded => {}
    }
    document
}

/// The state words that the SDK knows; it stops polling at the last four.
fn state(operation: &Operation) -> &'static str {
    match operation.state {
        OperationState::InProgress if operation.step.is_none() => "NotStarted",
        OperationState::InProgress => "Running",
        OperationState::Succeeded => "Succeeded",
        OperationState::Failed(_) => "Failed",
        OperationState::Canceled => "Cancelled",
    }
}

/// Adds the part of the log from `offset` on to an operation.
pub fn add_streaming_log(document: &mut Value, lines: &[(Timestamp, String)], offset: usize) {
    document["streamingOperationLog"] = streaming_log(lines, offset).into();
}

/// The part of the log from `offset` on, in the form that the SDK takes apart:
/// `YYYYMMDDHHMMSS|text`, lines separated by `#`.
///
/// The SDK's offset is the number of characters (code points) that it got so far.
/// Every line ends in a separator and is counted with it; the last one of an
/// answer goes out as a space, since the SDK prints a dot for the empty piece
/// behind a separator.
fn streaming_log(lines: &[(Timestamp, String)], offset: usize) -> String {
    let mut skip = offset;
    let mut part = String::new();
    let mut room = MOST_CHARACTERS;
    for (at, text) in lines {
        let line = line(*at, text);
        let length = line.chars().count();
        if skip >= length {
            skip -= length;
            continue;
        }
        if room < length {
            break;
        }
        part.extend(line.chars().skip(skip));
        room -= length;
        skip = 0;
    }
    if part.pop().is_some() {
        part.push(' ');
    }
    part
}

fn line(at: Timestamp, text: &str) -> String {
    let mut line = at.strftime("%Y%m%d%H%M%S").to_string();
    line.push(TIME_END);
    line.extend(text.chars().map(|character| {
        let shown = SHOWN.iter().find(|(hidden, _)| *hidden == character);
        shown.map_or(character, |(_, shown)| *shown)
    }));
    line.push(LINE_END);
    line
}

/// The log as a text of lines.
pub fn plain_log(lines: &[(Timestamp, String)]) -> String {
    let mut text = String::new();
    for (at, line) in lines {
        text.push_str(&at.strftime("%Y-%m-%dT%H:%M:%SZ ").to_string());
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wharf_core::{
        operation::{OperationId, TargetKind, Verb},
        resource::{Failure, Generation},
    };

    use super::*;

    fn operation(state: OperationState, step: Option<&str>) -> Operation {
        Operation {
            id: OperationId(Default::default()),
            workspace: None,
            verb: Verb::Create,
            target_kind: TargetKind::Endpoint,
            target: Default::default(),
            target_name: "iris".into(),
            generation: Generation::FIRST,
            state,
            step: step.map(str::to_owned),
            created_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
        }
    }

    #[test]
    fn states_have_the_sdks_words() {
        for (state, step, word) in [
            (OperationState::InProgress, None, "NotStarted"),
            (
                OperationState::InProgress,
                Some("BuildEnvironment"),
                "Running",
            ),
            (
                OperationState::Succeeded,
                Some("DeployService"),
                "Succeeded",
            ),
            (OperationState::Canceled, None, "Cancelled"),
        ] {
            let document = document(&operation(state, step), "https://log", "https://service");
            assert_eq!(document["state"], word);
            assert_eq!(
                document["operationDetails"]["subOperationType"],
                json!(step)
            );
        }
        let failed = OperationState::Failed(Failure::new("KubernetesError", "crashed"));
        let document = document(&operation(failed, Some("DeployService")), "l", "s");
        assert_eq!(document["error"]["code"], "KubernetesError");
        assert_eq!(document["error"]["message"], "crashed");
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// What `_wait_for_operation_to_complete` does with an answer: the texts it
    /// prints with a time, and how many dots.
    fn printed(answer: &str) -> (Vec<String>, usize) {
        let (mut texts, mut dots) = (Vec::new(), 0);
        if answer.is_empty() {
            return (texts, dots);
        }
        for log in answer.split('#') {
            let pieces: Vec<_> = log.split('|').collect();
            match pieces.as_slice() {
                [time, text] if time.len() == 14 => texts.push((*text).trim_end().to_owned()),
                _ => dots += 1,
            }
        }
        (texts, dots)
    }

    #[test]
    fn separators_in_a_line_do_not_break_it() {
        let lines = vec![
            (at(0), "Hash: sha256|abc # a comment".to_owned()),
            (at(61), "second".to_owned()),
        ];
        let log = streaming_log(&lines, 0);
        assert_eq!(
            log,
            "19700101000000|Hash: sha256¦abc ＃ a comment#19700101000101|second "
        );
        let (texts, dots) = printed(&log);
        assert_eq!(texts, ["Hash: sha256¦abc ＃ a comment", "second"]);
        assert_eq!(dots, 0);
        assert_eq!(streaming_log(&lines, log.chars().count()), "");
        assert_eq!(streaming_log(&lines, usize::MAX), "");
        assert_eq!(streaming_log(&[], 0), "");
    }

    proptest! {
        /// However the log grows between polls, the client prints each line once.
        #[test]
        fn a_growing_log_is_printed_line_by_line(
            texts in proptest::collection::vec(".{0,20}", 0..20),
            polls in proptest::collection::vec(0usize..20, 0..6),
        ) {
            let lines: Vec<_> = texts.iter().map(|text| (at(5), text.clone())).collect();
            let mut polls: Vec<_> = polls.into_iter().map(|it| it.min(lines.len())).collect();
            polls.sort_unstable();
            polls.push(lines.len());
            let (mut offset, mut seen) = (0, 0);
            for upto in polls {
                let answer = streaming_log(&lines[..upto], offset);
                offset += answer.chars().count();
                let (printed, dots) = printed(&answer);
                prop_assert_eq!(dots, 0);
                prop_assert_eq!(printed.len(), upto - seen);
                seen = upto;
            }
            prop_assert_eq!(seen, lines.len());
        }

        #[test]
        fn any_offset_is_fine(texts in proptest::collection::vec(".{0,9}", 0..9), offset in any::<usize>()) {
            let lines: Vec<_> = texts.into_iter().map(|text| (at(5), text)).collect();
            let _ = streaming_log(&lines, offset);
        }
    }
}
