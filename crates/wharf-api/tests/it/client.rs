//! What a client does in several requests, on top of [`Surface`].

use http::StatusCode;
use serde_json::{Value, json};
use wharf_core::access::Role;

use crate::surface::{Answer, Ask, PUBLIC_URL, Surface};

impl Surface {
    /// The token of a new principal with `role` at `scope`.
    pub(crate) async fn member(&self, name: &str, role: Role, scope: &str) -> String {
        let (app, caller) = (&self.test.app, &self.test.caller);
        let scope = [scope.parse().expect("a scope")];
        let made = app.principal_create(caller, name, role, &scope).await;
        let made = made.expect("a principal");
        let client_id = made.member.principal.client_id.to_string();
        let issued = app
            .sign_in_client(&client_id, &made.secret, PUBLIC_URL)
            .await;
        issued.expect("a token").token.reveal().to_owned()
    }

    /// `/subscriptions/…` of the first subscription, with `rest` behind it.
    pub(crate) fn in_subscription(&self, rest: &str) -> String {
        format!("/subscriptions/{}{rest}", self.test.path.subscription)
    }

    /// The first resource group, with `rest` behind it.
    pub(crate) fn in_group(&self, rest: &str) -> String {
        let group = &self.test.path.group;
        self.in_subscription(&format!("/resourceGroups/{group}{rest}"))
    }

    /// The first workspace, with `rest` behind it.
    pub(crate) fn in_workspace(&self, rest: &str) -> String {
        self.workspace() + rest
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path).json(body).send().await
    }

    /// Attaches the cluster `local` as `name`; returns the PUT's answer.
    pub(crate) async fn attach(&self, name: &str) -> Answer {
        let body = json!({
            "location": "local",
            "properties": {
                "computeType": "AKS",
                "resourceId": self.test.local_cluster_id(),
                "properties": {"loadBalancerType": "PublicIp", "loadBalancerSubnet": null},
            },
        });
        let path = self.in_workspace(&format!("/computes/{name}?api-version=2020-02-02"));
        self.put(&path, &body).await
    }

    /// Polls what an answer's `Azure-AsyncOperation` names until it has ended.
    pub(crate) async fn poll(&self, answer: &Answer) -> Answer {
        self.test.start_reconcilers();
        let path = answer.path_in("azure-asyncoperation");
        self.test
            .until("the operation has ended", || async {
                let polled = self.get(&path).await;
                assert_eq!(polled.status, StatusCode::OK);
                (polled.json()["status"] != "InProgress").then_some(polled)
            })
            .await
    }
}

impl Ask<'_> {
    pub(crate) fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
    }
}

impl Answer {
    /// The path and query of an address of this server in a header.
    #[track_caller]
    pub(crate) fn path_in(&self, name: &str) -> String {
        let url = self
            .header(name)
            .unwrap_or_else(|| panic!("no header {name}"));
        let path = url.strip_prefix(PUBLIC_URL);
        path.unwrap_or_else(|| panic!("{url} is not on this server"))
            .to_owned()
    }
}
