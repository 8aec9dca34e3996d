//! What a script sees: imports, folders, prints; and how bad scripts are refused.

use std::fs;

use crate::harness::Replica;

#[tokio::test(flavor = "multi_thread")]
async fn bad_scripts_are_refused_with_the_reason() {
    let init = "def init(): pass\n";
    let cases = [
        (
            "def run(data): pass",
            "does not have a init() function defined.",
        ),
        (init, "does not have a run() function defined."),
        (
            "def init(): pass\ndef run(): pass",
            "run() needs to accept an argument for input data.",
        ),
        (
            "def init(): pass\ndef run(request_headers): pass",
            "run() needs to accept an argument other than \"request_headers\".",
        ),
        (
            "def init(): pass\ndef run(*data): pass",
            "run() cannot accept positional-only arguments, *args, or **kwargs.",
        ),
        (
            "import no_such_module",
            "Add the package of the module 'no_such_module' to the environment; if it is a file \
             of yours beside the script, name its folder with source_directory=",
        ),
        (
            "def init(:",
            "SyntaxError: invalid syntax (score.py, line 1)",
        ),
        (
            "import sys\ndef init(): sys.exit(0)\ndef run(data): pass",
            "User's init function failed: SystemExit: 0",
        ),
        (
            "import os\ndef init(): os._exit(7)\ndef run(data): pass",
            "ended while it loaded the script (exit code 7)",
        ),
        (
            "def init(): open('model.pkl')\ndef run(data): pass",
            "FileNotFoundError: [Errno 2] No such file or directory: 'model.pkl'. AZUREML_MODEL_DIR is ",
        ),
        (
            "from azureml.contrib.services.aml_request import rawhttp\n\
             from inference_schema.schema_decorators import input_schema\n\
             from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType\n\
             def init(): pass\n@rawhttp\n@input_schema('a', StandardPythonParameterType(1))\ndef run(a): pass",
            "run() cannot be decorated with both @rawhttp and @input_schema",
        ),
        (
            "from azureml.core import Workspace",
            "stand-in has no Workspace; add azureml-core",
        ),
    ];
    for (script, expected) in cases {
        let mut replica = Replica::start(script);
        let error = replica.end().await.expect_err(script);
        assert_eq!(error.exit_code(), 3, "{script}");
        let state = replica.state().expect("a state");
        assert_eq!(state["phase"], "failed", "{script}");
        let message = state["message"].as_str().expect("a message");
        assert!(message.contains(expected), "{script}: {message}");
        let has_traceback = replica.log().contains("Traceback (most recent call last)");
        let says_so = message.contains("The full traceback is in the log");
        assert!(has_traceback || !says_so, "{script}: {message}");
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_init_leaves_traceback_and_tree_in_the_log() {
    let mut replica = Replica::start_with(|folder, _| {
        let model = folder.join("app/azureml-models/iris/1/mymodel");
        fs::create_dir_all(&model).expect("a folder");
        fs::write(model.join("m.pkl"), "").expect("written");
        let script = "def init():\n    raise ValueError('no such thing')\ndef run(data): pass";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.end().await.expect_err("it fails");
    let log = replica.log();
    for expected in [
        "python 3.8 asked for",
        "score.py\", line 2, in init",
        "ValueError: no such thing",
        "User's init function failed",
        "Model Directory Contents:\n1/\n    mymodel/\n        m.pkl\n",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_the_user_come_first_and_ours_are_hidden() {
    let replica = Replica::start_with(|folder, config| {
        let app = folder.join("app");
        fs::create_dir_all(app.join("src")).expect("a folder");
        config["entry_script"] = "src/score.py".into();
        config["source_directory"] = "src".into();
        let script = "
from __future__ import annotations
import dataclasses, importlib, json, pickle
import utils, beside
@dataclasses.dataclass
class Point: x: int = 1
def init(): pass
def run(data):
    for name in ('frames', 'script', 'answers', 'boot', 'raw'):
        try: importlib.import_module(name)
        except ImportError: continue
        return name
    return [utils.NAME, beside.NAME, pickle.loads(pickle.dumps(Point())).x, __name__]
";
        fs::write(app.join("src/score.py"), script).expect("written");
        fs::write(app.join("utils.py"), "NAME = 'root'").expect("written");
        fs::write(app.join("src/beside.py"), "NAME = 'source'").expect("written");
        // Would break our own imports if it came before the standard library.
        fs::write(app.join("struct.py"), "raise ImportError('mine')").expect("written");
    });
    replica.wait_ready().await;
    let reply = replica.score("").await;
    assert_eq!(reply.text(), r#"["root", "source", 1, "entry_module"]"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_entry_script_the_driver_is_imported() {
    let replica = Replica::start_with(|folder, config| {
        config["entry_script"] = serde_json::Value::Null;
        let driver = "
import importlib.util, os, sys
def load():
    path = os.path.join(os.path.dirname(__file__), 'score.py')
    spec = importlib.util.spec_from_file_location('service_driver', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
driver_module = load()
def run(http_body, request_headers): return 'driver'
def init(): driver_module.init()
";
        let script = "def init():\n    global a\n    a = 5\ndef run(data): return a";
        fs::write(folder.join("app/main.py"), driver).expect("written");
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    assert_eq!(replica.score("").await.text(), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_found_as_the_sdk_finds_them() {
    let script = r"
import os
from azureml.core.model import Model
def init(): pass
def run(data):
    try: return os.path.relpath(eval(data), os.environ['AML_APP_ROOT'])
    except Exception as error: return type(error).__name__ + ': ' + str(error)
";
    let replica = Replica::start_with(|folder, _| {
        let app = folder.join("app");
        for (name, file) in [
            ("a/9", "m.pkl"),
            ("a/10", "folder"),
            ("two/1", "x"),
            ("odd/x", "y"),
        ] {
            let version = app.join("azureml-models").join(name);
            fs::create_dir_all(&version).expect("a folder");
            fs::write(version.join(file), "").expect("written");
        }
        fs::write(app.join("azureml-models/two/1/z"), "").expect("written");
        fs::write(app.join("local.pkl"), "").expect("written");
        fs::write(app.join("score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    let rows = [
        ("Model.get_model_path('a')", "azureml-models/a/10/folder"),
        ("Model.get_model_path('a', 9)", "azureml-models/a/9/m.pkl"),
        (
            "Model.get_model_path('a', version='9')",
            "WebserviceException: version should be an int",
        ),
        ("Model.get_model_path('local.pkl', 3)", "local.pkl"),
        (
            "Model.get_model_path('two')",
            "can contain only 1 file or folder. Found [",
        ),
        (
            "Model.get_model_path('odd')",
            "ValueError: invalid literal for int()",
        ),
        (
            "Model.get_model_path('b')",
            "ModelNotFoundException: Model b not found in cache at ",
        ),
        (
            "Model.get_model_path('b', 1)",
            "WebserviceException: Model b not found in cache at ",
        ),
    ];
    for (input, expected) in rows {
        let reply = replica.score(input).await;
        assert!(reply.text().contains(expected), "{input}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_are_in_the_log_before_the_answer_or_soon_after() {
    let script = "
import logging, sys
def init(): print('from init é')
def run(data, request_headers):
    print('line', data)
    print('to stderr', file=sys.stderr)
    logging.warning('careful')
    return request_headers['X-Mine']
";
    let replica = Replica::ready(script).await;
    let headers = [("x-mine", "yes")];
    let reply = replica
        .send(http::Method::POST, "/score", &headers, b"one")
        .await;
    assert_eq!(reply.text(), "\"yes\"");
    for expected in [
        " print - from init é\n",
        " print - line one\n",
        "\nto stderr\n",
        "WARNING:root:careful\n",
        " POST /score 200 ",
    ] {
        replica
            .until(expected, || replica.log().contains(expected).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_may_be_anything_that_can_be_called() {
    let init = "import functools\ndef init(): pass\n";
    let rows = [
        (
            "class C:\n    def __call__(self, a): return a\nrun = C()",
            "\"x\"",
        ),
        (
            "class C:\n    def go(self, a): return a\nrun = C().go",
            "\"x\"",
        ),
        (
            "def f(b, a): return a + b\nrun = functools.partial(f, 'y')",
            "\"xy\"",
        ),
        ("def run(*, data): return data", "\"x\""),
        ("def run(request_headers, a): return a", "\"x\""),
        ("def run(a, b=1): return [a, b]", "[\"x\", 1]"),
    ];
    for (script, expected) in rows {
        let replica = Replica::ready(&format!("{init}{script}")).await;
        let reply = replica.score("x").await;
        assert_eq!(reply.text(), expected, "{script}: {}", replica.log());
    }
    // These start, and fail each request.
    for (script, failed) in [
        ("def run(a, b): return a", "True"),
        ("async def run(a): return a", "False"),
        ("def run(a): yield a", "False"),
    ] {
        let replica = Replica::ready(&format!("{init}{script}")).await;
        let reply = replica.score("x").await;
        assert_eq!(reply.status, 500, "{script}");
        assert_eq!(
            reply.header("x-ms-run-function-failed"),
            Some(failed),
            "{script}"
        );
    }
}
