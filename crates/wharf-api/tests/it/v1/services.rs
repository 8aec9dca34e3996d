//! Services: deployed, shown, changed, deleted; their keys, logs and operations.

use serde_json::{Value, json};
use wharf_core::{environment::EnvironmentError, operation::OperationId};
use wharf_testkit::Build;

use crate::{
    blob::uploaded,
    snapshot::assert_answer,
    surface::{Answer, PUBLIC_URL, Surface},
};

/// A workspace with a compute, a model and an uploaded script.
pub(crate) async fn ready() -> Surface {
    let surface = Surface::new().await;
    surface.test.attach_compute("cluster").await;
    surface.test.register_model("iris").await;
    uploaded(
        &surface,
        "score.py",
        b"def init(): pass\ndef run(data): return data\n",
    )
    .await;
    uploaded(&surface, "driver.py", b"pass\n").await;
    surface
}

/// What `Model.deploy` sends.
pub(crate) fn create_body(name: &str) -> Value {
    json!({
        "name": name, "description": null, "kvTags": null,
        "properties": {"hasInferenceSchema": "False"},
        "keys": {"primaryKey": null, "secondaryKey": null},
        "computeType": "AKS", "computeName": "cluster", "location": null, "numReplicas": 1,
        "environmentImageRequest": {
            "driverProgram": "driver.py",
            "assets": [
                {"id": "driver.py", "url": "aml://artifact/LocalUpload/c1/driver.py", "mimeType": "application/x-python"},
                {"id": "score.py", "url": "aml://artifact/LocalUpload/c1/score.py", "mimeType": "application/octet-stream"}
            ],
            "modelIds": ["iris:1"],
            "environment": {
                "name": "env", "version": null,
                "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
                "python": {"userManagedDependencies": false, "interpreterPath": "python",
                    "condaDependenciesFile": null, "baseCondaEnvironment": null,
                    "condaDependencies": {"name": "project_environment", "channels": [],
                        "dependencies": ["python=3.11", {"pip": ["azureml-defaults"]}]}},
                "docker": {"enabled": false, "baseImage": "image", "baseDockerfile": null},
                "spark": {"packages": []}, "r": null, "inferencingStackVersion": null
            }
        },
        "containerResourceRequirements": {"cpu": null, "cpuLimit": null, "memoryInGB": null, "memoryInGBLimit": null, "gpu": null},
        "maxConcurrentRequestsPerContainer": null, "maxQueueWaitMs": null, "namespace": null,
        "scoringTimeoutMs": null,
        "livenessProbeRequirements": {"periodSeconds": null, "initialDelaySeconds": null,
            "timeoutSeconds": null, "successThreshold": null, "failureThreshold": null}
    })
}

async fn create(surface: &Surface, name: &str) -> Answer {
    let ask = surface.ask("POST", &surface.mms("/services"));
    ask.json(&create_body(name)).send().await
}

/// The operation that an answer names, as the SDK finds it: by the last segment.
fn operation_of(answer: &Answer) -> OperationId {
    let location = answer.header("operation-location").expect("an operation");
    assert!(location.starts_with(PUBLIC_URL), "{location}");
    let id = location.rsplit('/').next().expect("an id");
    id.parse().expect("an operation's id")
}

/// Waits for the operation that an answer names.
pub(crate) async fn ended(surface: &Surface, answer: &Answer) -> Value {
    let id = operation_of(answer);
    surface.test.ended(id).await;
    let path = surface.mms(&format!("/operations/{id}"));
    surface.ask("GET", &path).send().await.good()
}

async fn deployed(name: &str) -> Surface {
    let surface = ready().await;
    let created = create(&surface, name).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(ended(&surface, &created).await["state"], "Succeeded");
    surface
}

async fn shown(surface: &Surface, name: &str) -> Value {
    let path = surface.mms(&format!("/services/{name}?expand=true"));
    surface.ask("GET", &path).send().await.good()
}

#[tokio::test]
async fn a_service_is_readable_at_once_and_healthy_in_the_end() {
    let surface = ready().await;
    surface.test.stop_reconcilers().await;
    let created = create(&surface, "iris").await;
    assert_answer("ok", &created);
    let at_once = shown(&surface, "iris").await;
    assert_eq!(at_once["state"], "Transitioning");
    assert_eq!(
        at_once["environmentImageRequest"],
        create_body("iris")["environmentImageRequest"]
    );
    let location = created.header("operation-location").expect("an operation");
    let path = surface.mms(&format!(
        "/operations/{}",
        location.rsplit('/').next().expect("an id")
    ));
    assert_eq!(
        surface.ask("GET", &path).send().await.good()["state"],
        "NotStarted"
    );

    surface.test.start_reconcilers();
    assert_eq!(ended(&surface, &created).await["state"], "Succeeded");
    let healthy = surface
        .ask("GET", &surface.mms("/services/iris?expand=true"))
        .send()
        .await;
    assert_answer("ok", &healthy);
    let healthy = healthy.good();
    assert_eq!(healthy["state"], "Healthy");
    assert_eq!(healthy["models"][0]["id"], "iris:1");
    assert_eq!(
        healthy["scoringUri"],
        "https://localhost:8444/api/v1/service/iris/score"
    );
    let short = surface
        .ask("GET", &surface.mms("/services/iris"))
        .send()
        .await
        .good();
    assert!(short.get("models").is_none() && short.get("environmentImageRequest").is_none());
}

#[tokio::test]
async fn the_log_streams_from_where_the_client_is() {
    let surface = ready().await;
    let created = create(&surface, "iris").await;
    ended(&surface, &created).await;
    let location = created.header("operation-location").expect("an operation");
    let id = location.rsplit('/').next().expect("an id");
    let poll = async |offset: usize| {
        let path = surface.mms(&format!("/operations/{id}?offset={offset}"));
        surface.ask("GET", &path).send().await
    };
    let first = poll(0).await;
    assert_answer("ok", &first);
    let log = first.good()["streamingOperationLog"]
        .as_str()
        .expect("a log")
        .to_owned();
    for line in log.split('#') {
        let (time, text) = line.split_once('|').expect("a time and a text");
        assert!(time.len() == 14 && !text.contains('|'), "{line}");
    }
    let rest = poll(log.chars().count()).await.good();
    assert_eq!(rest["streamingOperationLog"], "");
    let whole = surface
        .ask("GET", &surface.mms(&format!("/operations/{id}/log")))
        .send()
        .await;
    assert_answer("ok", &whole);
    assert_eq!(whole.text().lines().count(), log.split('#').count());
    for bad in ["-1", "x"] {
        let path = surface.mms(&format!("/operations/{id}?offset={bad}"));
        assert_eq!(
            surface.ask("GET", &path).send().await.refused_fields(),
            ["offset"]
        );
    }
}

#[tokio::test]
async fn an_operation_says_what_is_being_done_and_why_it_failed() {
    let surface = ready().await;
    surface.test.environments.hold(true);
    let failure = EnvironmentError::Failed {
        step: "resolve",
        message: "no version of `nothing` fits".to_owned(),
    };
    surface.test.environments.set_build(Build::Fail(failure));
    let created = create(&surface, "iris").await;
    let id = operation_of(&created);
    let path = surface.mms(&format!("/operations/{id}?offset=0"));
    let running = surface
        .test
        .until("the build has begun", || async {
            let polled = surface.ask("GET", &path).send().await.good();
            (polled["state"] == "Running").then_some(polled)
        })
        .await;
    assert_eq!(
        running["operationDetails"]["subOperationType"],
        "BuildEnvironment"
    );
    assert!(running.get("error").is_none());
    surface.test.environments.hold(false);

    let failed = ended(&surface, &created).await;
    assert_eq!(failed["state"], "Failed");
    assert_eq!(failed["error"]["code"], "EnvironmentBuildFailed");
    let message = failed["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("no version of `nothing` fits"),
        "{message}"
    );
    let log = surface.ask("GET", &path).send().await.good();
    let log = log["streamingOperationLog"].as_str().expect("a log");
    assert!(log.contains("no version of `nothing` fits"), "{log}");
    let service = shown(&surface, "iris").await;
    assert_eq!(service["state"], "Failed");
    assert_eq!(service["error"], failed["error"]);
}

#[tokio::test]
async fn what_was_relaxed_is_in_the_status() {
    let surface = ready().await;
    let notice = "Python 3.8 is not here; 3.11 is used";
    surface.test.environments.set_notices(&[notice]);
    let created = create(&surface, "iris").await;
    ended(&surface, &created).await;
    let service = shown(&surface, "iris").await;
    assert_eq!(service["deploymentStatus"]["notices"], json!([notice]));
}

#[tokio::test]
async fn overwrite_replaces_and_keeps_the_keys() {
    let surface = deployed("iris").await;
    let path = surface.mms("/services/iris/listkeys");
    let keys = surface.ask("POST", &path).send().await.good();
    let mut body = create_body("iris");
    body["overwrite"] = json!(true);
    body["description"] = json!("second");
    let replaced = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(replaced.status, 202, "{}", replaced.text());
    assert_eq!(ended(&surface, &replaced).await["state"], "Succeeded");
    assert_eq!(shown(&surface, "iris").await["description"], "second");
    assert_eq!(surface.ask("POST", &path).send().await.good(), keys);
}

#[tokio::test]
async fn lists_filter_and_page() {
    let surface = ready().await;
    for name in ["aaa", "bbb", "ccc"] {
        let created = create(&surface, name).await;
        ended(&surface, &created).await;
    }
    for (name, tags) in [
        ("aaa", json!({"stage": "gold"})),
        ("bbb", json!({"stage": "raw"})),
        ("bbb", json!({"stage": "raw", "owner": "me"})),
    ] {
        let ask = surface.ask("PATCH", &surface.mms(&format!("/services/{name}")));
        let patch = json!([{"op": "replace", "path": "/kvTags", "value": tags}]);
        ended(&surface, &ask.json(&patch).send().await).await;
    }
    let list = async |query: &str| {
        let path = surface.mms(&format!("/services?expand=true{query}"));
        surface.ask("GET", &path).send().await
    };
    let names = |page: &Value| -> Vec<String> {
        let items = page["value"].as_array().expect("a list").iter();
        items
            .map(|it| it["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let whole = list("").await.good();
    assert_eq!(names(&whole), ["aaa", "bbb", "ccc"]);
    assert!(
        whole.get("nextLink").is_none(),
        "a null one would be requested"
    );
    assert_eq!(whole["value"][0]["models"][0]["name"], "iris");
    for (query, count) in [
        ("&computeType=AKS", 3),
        ("&computeType=ACI", 0),
        ("&imageId=x", 0),
        ("&modelName=iris", 3),
        ("&modelName=other", 0),
        ("&modelId=iris%3A1", 3),
        ("&modelId=iris%3A2", 0),
        ("&modelId=nonsense", 0),
        ("&imageName=x", 0),
        ("&imageDigest=x", 0),
        ("&tags=none", 0),
        ("&tags=stage", 2),
        ("&tags=stage=gold", 1),
        ("&tags=stage,owner=me", 1),
        ("&tags=stage=gold,owner=me", 0),
        ("&properties=hasInferenceSchema=False", 3),
        (
            "&properties=hasInferenceSchema&tags=stage&modelName=iris",
            2,
        ),
    ] {
        assert_eq!(names(&list(query).await.good()).len(), count, "{query}");
    }
    let many = vec!["x"; 21].join(",");
    let refused = list(&format!("&tags={many}")).await;
    assert_eq!(refused.refused_fields(), ["tags"]);
    let filtered = list("&count=1&tags=stage").await.good();
    assert_eq!(names(&filtered), ["aaa"]);
    let next = filtered["nextLink"].as_str().expect("a link");
    let next = next.strip_prefix(PUBLIC_URL).expect("absolute");
    let last = surface.ask("GET", next).send().await.good();
    assert_eq!(names(&last), ["bbb"]);
    assert!(last.get("nextLink").is_none());
    let page = list("&count=2").await;
    assert_answer("ok", &page);
    let page = page.good();
    let next = page["nextLink"].as_str().expect("a link");
    let next = next.strip_prefix(PUBLIC_URL).expect("absolute");
    assert_eq!(
        names(&surface.ask("GET", next).send().await.good()),
        ["ccc"]
    );
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let surface = deployed("iris").await;
    let path = surface.mms("/services/iris");
    let patched = surface
        .ask("PATCH", &path)
        .header("content-type", "application/json-patch+json")
        .body(
            json!([
                {"op": "replace", "path": "/numReplicas", "value": 2},
                {"op": "replace", "path": "/kvTags", "value": {"stage": "live"}},
                {"op": "replace", "path": "/maxQueueWaitMs", "value": 700},
                {"op": "add", "path": "/properties/new", "value": "1"},
            ])
            .to_string(),
        )
        .send()
        .await;
    assert_answer("ok", &patched);
    assert_eq!(patched.status, 202);
    assert_eq!(ended(&surface, &patched).await["state"], "Succeeded");
    let service = shown(&surface, "iris").await;
    assert_eq!(service["numReplicas"], 2);
    assert_eq!(service["maxQueueWaitMs"], 700);
    assert_eq!(service["kvTags"], json!({"stage": "live"}));
    assert_eq!(
        service["properties"],
        json!({"hasInferenceSchema": "False", "new": "1"})
    );
    assert_eq!(
        service["environmentImageRequest"],
        create_body("iris")["environmentImageRequest"]
    );
}

#[tokio::test]
async fn a_wrong_patch_changes_nothing_and_tells_everything() {
    let surface = deployed("iris").await;
    let before = shown(&surface, "iris").await;
    let refused = surface
        .ask("PATCH", &surface.mms("/services/iris"))
        .json(&json!([
            {"op": "replace", "path": "/nothing", "value": 1},
            {"op": "replace", "path": "/numReplicas", "value": 0},
            {"op": "replace", "path": "/scoringTimeoutMs", "value": "long"},
            {"op": "replace", "path": "/name", "value": "other"},
            {"op": "test", "path": "/description", "value": "x"},
        ]))
        .send()
        .await;
    assert_eq!(refused.status, 400);
    let mut fields = refused.refused_fields();
    fields.sort();
    assert_eq!(
        fields,
        [
            "/description",
            "/name",
            "/nothing",
            "numReplicas",
            "scoringTimeoutMs"
        ]
    );
    assert_eq!(shown(&surface, "iris").await, before);
    let missing = surface
        .ask("PATCH", &surface.mms("/services/other"))
        .json(&json!([]))
        .send()
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn a_service_is_deleted_with_an_operation_and_then_not_there() {
    let surface = deployed("iris").await;
    let path = surface.mms("/services/iris");
    let deleted = surface.ask("DELETE", &path).send().await;
    assert_answer("ok", &deleted);
    assert_eq!(deleted.status, 202);
    assert_eq!(ended(&surface, &deleted).await["state"], "Succeeded");
    assert_eq!(surface.ask("GET", &path).send().await.status, 404);
    assert_eq!(surface.ask("DELETE", &path).send().await.status, 204);
}

#[tokio::test]
async fn keys_are_listed_and_changed() {
    let surface = deployed("iris").await;
    let list = async || {
        let path = surface.mms("/services/iris/listkeys");
        surface.ask("POST", &path).send().await
    };
    let before = list().await;
    assert_answer("ok", &before);
    let before = before.good();
    let path = surface.mms("/services/iris/regenerateKeys");
    let changed = surface
        .ask("POST", &path)
        .json(&json!({"keyType": "Primary", "keyValue": null}))
        .send()
        .await;
    assert_answer("ok", &changed);
    assert_eq!(ended(&surface, &changed).await["state"], "Succeeded");
    let chosen = surface
        .ask("POST", &path)
        .json(&json!({"keyType": "Secondary", "keyValue": "chosen-by-me"}))
        .send()
        .await;
    assert_eq!(chosen.status, 200);
    let after = list().await.good();
    assert_ne!(after["primaryKey"], before["primaryKey"]);
    assert_eq!(after["secondaryKey"], "chosen-by-me");
    for (body, field) in [
        (json!({"keyType": "Third"}), "keyType"),
        (
            json!({"keyType": "Primary", "keyValue": "short"}),
            "keyValue",
        ),
    ] {
        let refused = surface.ask("POST", &path).json(&body).send().await;
        assert_eq!(refused.refused_fields(), [field]);
        assert!(!refused.text().contains("short\""), "a key is not repeated");
    }
    assert_eq!(list().await.good(), after);
}

#[tokio::test]
async fn logs_are_given_by_their_last_lines() {
    let surface = deployed("iris").await;
    let logs = async |query: &str| {
        let path = surface.mms(&format!("/services/iris/logs?{query}"));
        surface.ask("GET", &path).send().await
    };
    let answer = logs("tail=5000&init=False").await;
    assert_answer("ok", &answer);
    assert!(answer.good()["content"].is_string());
    assert!(logs("init=True").await.good()["content"].is_string());
    for (query, field) in [
        ("tail=0", "tail"),
        ("tail=x", "tail"),
        ("init=maybe", "init"),
        ("tail=1&tail=2", "tail"),
    ] {
        assert_eq!(logs(query).await.refused_fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn validations_answer_with_200_and_say_no_in_the_body() {
    let surface = deployed("iris").await;
    let ask = async |path: &str, body: Value| {
        surface
            .ask("POST", &surface.mms(path))
            .json(&body)
            .send()
            .await
    };
    let free = ask("/services/validate/name/other", json!({})).await;
    assert_answer("ok", &free);
    assert_eq!(free.good(), json!({}));
    for name in ["iris", "Bad_Name"] {
        let taken = ask(&format!("/services/validate/name/{name}"), json!({}))
            .await
            .good();
        assert!(
            taken["error"]["message"]
                .as_str()
                .is_some_and(|it| it.contains(name))
        );
    }
    let mut wrong = create_body("other");
    wrong["computeName"] = json!("nowhere");
    wrong["numReplicas"] = json!(-1);
    let request = |body: &Value| json!({"type": "Create", "serviceName": "other", "createRequest": body, "updateRequest": null});
    let good = ask("/services/validate", request(&create_body("other"))).await;
    assert_answer("ok", &good);
    assert_eq!(good.good(), json!({}));
    let no = ask("/services/validate", request(&wrong)).await.good();
    assert_eq!(no["error"]["details"][0]["target"], "numReplicas");
    let update = json!({"type": "Update", "serviceName": "iris", "updateRequest": [{"op": "replace", "path": "/no", "value": 1}]});
    assert!(
        ask("/services/validate", update)
            .await
            .good()
            .get("error")
            .is_some()
    );
    let delete = json!({"type": "Delete", "serviceName": "iris"});
    assert_eq!(ask("/services/validate", delete).await.good(), json!({}));
    let room = ask("/services/validate/resource", create_body("other")).await;
    assert_answer("ok", &room);
    assert_eq!(room.good(), json!({}));
    wrong["numReplicas"] = json!(1);
    let no = ask("/services/validate/resource", wrong).await.good();
    assert_eq!(no["error"]["details"][0]["target"], "computeName");
}

#[tokio::test]
async fn what_is_not_offered_is_said_so() {
    let surface = deployed("iris").await;
    let images = surface.ask("GET", &surface.mms("/images")).send().await;
    assert_answer("ok", &images);
    assert_eq!(images.good(), json!({"value": []}));
    for (method, path) in [("POST", "/images"), ("GET", "/images/iris%3A1")] {
        let ask = surface.ask(method, &surface.mms(path)).json(&json!({}));
        let answer = ask.send().await;
        assert_eq!(answer.status, 400);
        assert_answer("ok", &answer);
        assert!(answer.text().contains("Model.deploy"));
    }
    let mut body = create_body("other");
    body["computeType"] = json!("ACI");
    let refused = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(refused.refused_fields(), ["computeType"]);
    let mut body = create_body("other");
    body["environmentImageRequest"] = json!({"modelIds": ["iris:1"]});
    let refused = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(
        refused.refused_fields(),
        ["environmentImageRequest.modelIds"]
    );
}
