//! What endpoints are looked for by: tags, properties, models, versions. Each is a row,
//! so that a filtered list costs what it finds and not what there is.

use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;
use wharf_core::endpoint::{Endpoint, EndpointSpec};

use crate::{
    Session, StoreError, Txn,
    endpoints::endpoint,
    row::{Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

/// What a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermKind {
    /// A label that can change.
    Tag,
    /// A label that can only be added.
    Property,
    /// A model, with its version as value.
    Model,
    /// A version of the endpoint, with an empty value.
    Version,
}

impl TermKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Property => "property",
            Self::Model => "model",
            Self::Version => "version",
        }
    }
}

/// A term that is wanted; without a value any value will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// What it is about.
    pub kind: TermKind,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<String>,
}

/// The query for endpoints with all of `terms`, of which there is at least one: a walk
/// along the rows of the first, in the order of names, with a look-up for each other.
pub(crate) fn query(
    workspace: &Uuid,
    terms: &[Term],
    after: &str,
    limit: u32,
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT endpoints.* FROM endpoint_terms AS first \
         JOIN endpoints ON endpoints.id = first.endpoint WHERE first.workspace = ",
    );
    sql.push_bind(id(workspace).to_vec());
    for (index, term) in terms.iter().enumerate() {
        let place = if index == 0 { "first" } else { "other" };
        if index > 0 {
            sql.push(
                " AND EXISTS (SELECT 1 FROM endpoint_terms AS other \
                 WHERE other.endpoint = first.endpoint",
            );
        }
        sql.push(format_args!(" AND {place}.kind = "));
        sql.push_bind(term.kind.as_str());
        sql.push(format_args!(" AND {place}.term = "));
        sql.push_bind(term.name.clone());
        if let Some(value) = &term.value {
            sql.push(format_args!(" AND {place}.value = "));
            sql.push_bind(value.clone());
        }
        if index > 0 {
            sql.push(")");
        }
    }
    sql.push(" AND first.name > ");
    sql.push_bind(after.to_owned());
    // One model in several versions has several rows.
    sql.push(" GROUP BY first.name ORDER BY first.name LIMIT ");
    sql.push_bind(limit);
    sql
}

impl Session {
    /// At most `limit` endpoints of a workspace with all of `terms`, after the name
    /// `after`, by name.
    pub async fn endpoint_find(
        &mut self,
        workspace: &Uuid,
        terms: &[Term],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Endpoint>> {
        let after = after.unwrap_or_default();
        if terms.is_empty() {
            return self.endpoint_list(workspace, Some(after), limit).await;
        }
        let mut sql = query(workspace, terms, after, limit);
        let rows = sql.build().fetch_all(self.db()).await?;
        rows.iter().map(endpoint).collect()
    }
}

impl Txn {
    /// Makes the terms of an endpoint those of `spec`; rows that stay are not touched.
    pub(crate) async fn endpoint_terms_write(
        &mut self,
        key: &Uuid,
        workspace: &Uuid,
        name: &str,
        spec: &EndpointSpec,
    ) -> Result<()> {
        let mut wanted: Vec<(&str, &str, String)> = Vec::new();
        for (kind, labels) in [
            (TermKind::Tag, &spec.tags),
            (TermKind::Property, &spec.properties),
        ] {
            wanted.extend(
                labels
                    .iter()
                    .map(|(name, value)| (kind.as_str(), name.as_str(), value.clone())),
            );
        }
        let models = spec.deployments.iter().flat_map(|it| &it.template.models);
        wanted.extend(models.map(|model| {
            let version = model.id.version.to_string();
            (TermKind::Model.as_str(), model.id.name.as_str(), version)
        }));
        let versions = spec.deployments.iter().filter(|_| spec.is_versioned);
        wanted.extend(
            versions.map(|it| (TermKind::Version.as_str(), it.name.as_str(), String::new())),
        );
        let known = sqlx::query("SELECT kind, term, value FROM endpoint_terms WHERE endpoint = ?")
            .bind(id(key))
            .fetch_all(self.db())
            .await?;
        let mut there = std::collections::HashSet::with_capacity(known.len());
        for row in known {
            there.insert((row.text("kind")?, row.text("term")?, row.text("value")?));
        }
        for (kind, term, value) in wanted {
            if there.remove(&(kind.to_owned(), term.to_owned(), value.clone())) {
                continue;
            }
            sqlx::query(
                "INSERT INTO endpoint_terms (endpoint, kind, term, value, workspace, name)
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(id(key))
            .bind(kind)
            .bind(term)
            .bind(value)
            .bind(id(workspace))
            .bind(name)
            .execute(self.db())
            .await?;
        }
        for (kind, term, value) in there {
            sqlx::query(
                "DELETE FROM endpoint_terms
                 WHERE endpoint = ? AND kind = ? AND term = ? AND value = ?",
            )
            .bind(id(key))
            .bind(kind)
            .bind(term)
            .bind(value)
            .execute(self.db())
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::{
        Secret, deployment::DeploymentSpec, endpoint::EndpointStatus, keys::EndpointKeys,
        resource::Generation,
    };

    use super::*;
    use crate::tests::{fixture, now};

    /// What the migrations fill an older database with.
    const FILL: &str = include_str!("../../../migrations/sqlite/0007_endpoint_terms.sql");
    const VERSIONS: &str = include_str!("../../../migrations/sqlite/0018_terms_of_versions.sql");

    async fn terms(session: &mut Session) -> Vec<(String, String, String, String)> {
        let rows = sqlx::query("SELECT * FROM endpoint_terms ORDER BY endpoint, kind, term, value")
            .fetch_all(session.db())
            .await
            .expect("rows");
        let text = |row: &sqlx::sqlite::SqliteRow, column: &str| row.text(column).expect("text");
        rows.iter()
            .map(|row| {
                let kind = text(row, "kind");
                (
                    kind,
                    text(row, "term"),
                    text(row, "value"),
                    text(row, "name"),
                )
            })
            .collect()
    }

    /// Called `stage`, as the labels are.
    fn deployment() -> DeploymentSpec {
        let second = serde_json::json!({"secs": 1, "nanos": 0});
        serde_json::from_value(serde_json::json!({
            "id": Uuid::new_v4(), "name": "stage", "weight": 10_000,
            "template": {
                "models": [], "code": [], "driver": null, "environment": {"name": "e"},
                "resources": {"cpu": 0.1, "memory_gb": 0.5, "gpu": 0}, "concurrency": 1,
                "scoring_timeout": second, "namespace": null,
            },
            "scaling": {"Fixed": 1}, "max_wait": second,
            "liveness": {
                "period_seconds": 1, "initial_delay_seconds": 1, "timeout_seconds": 1,
                "success_threshold": 1, "failure_threshold": 1,
            },
        }))
        .expect("a deployment")
    }

    #[tokio::test]
    async fn an_older_database_gets_the_terms_that_a_write_gives() {
        let fixture = fixture().await;
        let compute = crate::tests::attached(&fixture, "aks").await;
        let labels = |value: &str| [("stage".to_owned(), value.to_owned())].into();
        let endpoint = wharf_core::endpoint::Endpoint {
            id: Uuid::new_v4(),
            workspace: fixture.workspace.id,
            name: "iris".parse().expect("a name"),
            spec: serde_json::from_value(serde_json::json!({
                "compute": compute.id, "compute_name": "aks", "authentication": "Open",
                "description": null, "tags": {"old": ""}, "properties": {}, "deployments": [],
                "is_absent": false,
            }))
            .expect("a spec"),
            generation: Generation::FIRST,
            status: EndpointStatus::default(),
            created_by: "me".into(),
            created_at: now(),
            modified_at: now(),
        };
        let spec = EndpointSpec {
            tags: labels("gold"),
            properties: labels("ever"),
            is_versioned: true,
            deployments: vec![deployment()],
            ..endpoint.spec.clone()
        };
        let keys = EndpointKeys {
            primary: Secret::new("first-key"),
            secondary: Secret::new("second-key"),
        };
        let write = fixture.store.write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.endpoint_insert(&endpoint, &keys).await?;
                let next = endpoint.generation.next();
                txn.endpoint_update_spec(&endpoint, next, &spec, now())
                    .await
            })
        });
        assert!(write.await.expect("written"));
        let mut session = fixture.store.read().await.expect("a session");
        let written = terms(&mut session).await;
        let row = |kind: &str, value: &str| {
            <(String, String, String, String)>::from(
                [kind, "stage", value, "iris"].map(str::to_owned),
            )
        };
        let version = ["version", "stage", "", "iris"].map(str::to_owned);
        assert_eq!(
            written,
            [row("property", "ever"), row("tag", "gold"), version.into()]
        );
        drop(session);
        let (_, fill) = FILL
            .split_once("name);\n\nINSERT")
            .expect("after the tables");
        let fill = format!("DELETE FROM endpoint_terms; INSERT{fill}{VERSIONS}");
        let refill = fixture.store.write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                sqlx::raw_sql(sqlx::AssertSqlSafe(fill))
                    .execute(txn.db())
                    .await?;
                Ok(())
            })
        });
        refill.await.expect("filled");
        let mut session = fixture.store.read().await.expect("a session");
        assert_eq!(terms(&mut session).await, written);
    }
}
