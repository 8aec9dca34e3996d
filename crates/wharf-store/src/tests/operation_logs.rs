//! Lines of operations, from one process to the next reader.

use tempfile::TempDir;
use wharf_core::operation::OperationId;

use super::now;
use crate::OperationLogs;

#[test]
fn a_log_is_read_on_from_where_it_was_left() {
    let folder = TempDir::new().expect("a folder");
    let logs = OperationLogs::open(folder.path()).expect("logs");
    let id = OperationId::random();
    assert_eq!(logs.read(id, 0, 10).expect("none"), []);
    for text in ["one", "two\nlines", "three"] {
        logs.append(id, now(), text);
    }
    let lines = logs.read(id, 1, 10).expect("read");
    assert_eq!(
        lines,
        [(now(), "two lines".to_owned()), (now(), "three".to_owned())]
    );
}
