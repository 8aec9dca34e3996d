//! Services that go to another compute.

use serde_json::{Value, json};

use super::services::{create_body, ended, ready};
use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

async fn deployed() -> Surface {
    let surface = ready().await;
    let ask = surface.ask("POST", &surface.mms("/services"));
    let created = ask.json(&create_body("iris")).send().await;
    assert_eq!(ended(&surface, &created).await["state"], "Succeeded");
    surface
}

fn compute(surface: &Surface, name: &str) -> String {
    format!("{}/computes/{name}", surface.workspace())
}

async fn migrate(surface: &Surface, body: Value) -> Answer {
    let ask = surface.ask("POST", &surface.mms("/services/migrate"));
    ask.json(&body).send().await
}

async fn shown(surface: &Surface) -> Value {
    let path = surface.mms("/services/iris?expand=true");
    surface.ask("GET", &path).send().await.good()
}

fn serving(surface: &Surface) -> String {
    let table = surface.test.app.routes().borrow().clone();
    table.routes["iris"].targets[0].workload.to_string()
}

#[tokio::test]
async fn a_move_starts_replicas_there_and_changes_nothing_else() {
    let surface = deployed().await;
    surface.test.create_compute("other").await;
    let (before, first) = (shown(&surface).await, serving(&surface));
    let body = json!({"serviceName": "iris", "computeTarget": compute(&surface, "other")});
    let answer = migrate(&surface, body.clone()).await;
    assert_answer("ok", &answer);
    assert_eq!(answer.status, 202);
    assert_eq!(ended(&surface, &answer).await["state"], "Succeeded");
    let mut after = shown(&surface).await;
    assert_eq!(after["computeName"], "other");
    assert_ne!(serving(&surface), first, "the old replicas serve no more");
    for name in ["computeName", "updatedTime", "operationId"] {
        after[name] = before[name].clone();
    }
    assert_eq!(after, before);
    // Where it is already, nothing is to be done.
    let again = migrate(&surface, body).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.json()["computeName"], "other");
    // A change of scaling alone does not start replicas again, and it can go back.
    let moved = serving(&surface);
    let ask = surface.ask("PATCH", &surface.mms("/services/iris"));
    let patch = json!([{"op": "replace", "path": "/numReplicas", "value": 2}]);
    ended(&surface, &ask.json(&patch).send().await).await;
    assert_eq!(serving(&surface), moved);
    let back = json!({"serviceName": "iris", "computeTarget": compute(&surface, "cluster")});
    ended(&surface, &migrate(&surface, back).await).await;
    assert_ne!(serving(&surface), moved);
    assert_eq!(shown(&surface).await["computeName"], "cluster");
}

#[tokio::test]
async fn what_cannot_move_is_told_why() {
    let surface = deployed().await;
    let target = |name: &str| compute(&surface, name);
    let refused = migrate(&surface, json!({})).await;
    assert_eq!(refused.refused_fields(), ["serviceName", "computeTarget"]);
    let elsewhere = target("cluster").replace("/workspaces/", "/workspaces/another-");
    for (place, why) in [
        ("cluster".to_owned(), "must be the id of a compute"),
        (surface.workspace(), "must be the id of a compute"),
        (elsewhere, "is in another workspace"),
    ] {
        let body = json!({"serviceName": "iris", "computeTarget": place});
        let refused = migrate(&surface, body).await;
        assert_eq!(refused.refused_fields(), ["computeTarget"]);
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    // The SDK takes a 404 for a service that is not there, so nothing else is one.
    let missing = json!({"serviceName": "iris", "computeTarget": target("nowhere")});
    let refused = migrate(&surface, missing).await;
    assert_eq!(refused.refused_fields(), ["computeName"]);
    let unknown = json!({"serviceName": "nobody", "computeTarget": target("cluster")});
    let answer = migrate(&surface, unknown).await;
    assert_eq!(answer.status, 404);
    assert_answer("no service", &answer);
}
