//! Registered models.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::{
    model::{Model, ModelId, ModelSpec},
    name::ModelName,
};

use crate::{
    ModelFilter, Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

fn model(row: &SqliteRow) -> Result<Model> {
    Ok(Model {
        uuid: row.uuid("id")?,
        workspace: row.uuid("workspace")?,
        id: ModelId {
            name: row.parsed("name")?,
            version: row.number("version")?,
        },
        spec: row.json("spec")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        modified_at: row.time("modified_at")?,
    })
}

/// A query that ends with a condition, and how its rows are ordered.
pub(crate) type Source = (QueryBuilder<Sqlite>, &'static str);

fn and_name(query: &mut QueryBuilder<Sqlite>, column: &str, name: Option<&str>) {
    if let Some(name) = name {
        query.push(" AND ").push(column).push(" = ");
        query.push_bind(name.to_owned());
    }
}

pub(crate) fn and_term(query: &mut QueryBuilder<Sqlite>, term: String) {
    query.push(" AND EXISTS (SELECT 1 FROM model_terms WHERE model = models.id AND term = ");
    query.push_bind(term).push(")");
}

/// The newest version of each name: `CROSS JOIN` keeps the order of the loops, so that
/// each name is one look into the index, however many versions it has.
pub(crate) fn newest(workspace: &Uuid, name: Option<&str>, after: Option<&ModelId>) -> Source {
    let mut query = QueryBuilder::new(
        "SELECT models.* FROM model_versions CROSS JOIN models
             ON models.workspace = model_versions.workspace AND models.name = model_versions.name
             AND models.version = (SELECT MAX(version) FROM models
                 WHERE workspace = model_versions.workspace AND name = model_versions.name)
         WHERE model_versions.workspace = ",
    );
    query.push_bind(id(workspace).to_vec());
    and_name(&mut query, "model_versions.name", name);
    if let Some(after) = after {
        query.push(" AND model_versions.name > ");
        query.push_bind(after.name.to_string());
    }
    (query, " ORDER BY model_versions.name")
}

/// Models with a term, in the order of its index.
pub(crate) fn with_term(
    workspace: &Uuid,
    term: &str,
    name: Option<&str>,
    after: Option<&ModelId>,
) -> Source {
    let mut query = QueryBuilder::new(
        "SELECT models.* FROM model_terms AS found CROSS JOIN models ON models.id = found.model
         WHERE found.workspace = ",
    );
    query.push_bind(id(workspace).to_vec());
    query.push(" AND found.term = ").push_bind(term.to_owned());
    and_name(&mut query, "found.name", name);
    if let Some(after) = after {
        query.push(" AND (found.name, found.newest_first) > (");
        query.push_bind(after.name.to_string()).push(", ");
        query.push_bind(-row::size(after.version)).push(")");
    }
    (query, " ORDER BY found.name, found.newest_first")
}

/// All models. Names go up and versions go down, so what comes after is two ranges of
/// one index: the rest of the name begun, and the names after it.
pub(crate) fn every(
    workspace: &Uuid,
    name: Option<&str>,
    after: Option<&ModelId>,
    limit: u32,
) -> Source {
    let workspace = id(workspace).to_vec();
    let after_version = after.map_or(i64::MAX, |after| row::size(after.version));
    let mut query = QueryBuilder::new("SELECT models.* FROM ");
    if let Some(name) = name {
        query.push("models WHERE workspace = ").push_bind(workspace);
        query.push(" AND name = ").push_bind(name.to_owned());
        query.push(" AND version < ").push_bind(after_version);
    } else {
        let after_name = after.map_or_else(String::new, |after| after.name.to_string());
        query.push("(SELECT * FROM models WHERE workspace = ");
        query.push_bind(workspace.clone()).push(" AND name = ");
        query.push_bind(after_name.clone()).push(" AND version < ");
        query.push_bind(after_version);
        query.push(" UNION ALL SELECT * FROM (SELECT * FROM models WHERE workspace = ");
        query.push_bind(workspace).push(" AND name > ");
        query.push_bind(after_name);
        query.push(" ORDER BY name, version DESC LIMIT ");
        query.push_bind(limit).push(")) AS models WHERE true");
    }
    (query, " ORDER BY models.name, models.version DESC")
}

impl Session {
    /// One model version.
    pub async fn model_get(&mut self, workspace: &Uuid, key: &ModelId) -> Result<Option<Model>> {
        let row =
            sqlx::query("SELECT * FROM models WHERE workspace = ? AND name = ? AND version = ?")
                .bind(id(workspace))
                .bind(key.name.as_str())
                .bind(row::size(key.version))
                .fetch_optional(self.db())
                .await?;
        row.as_ref().map(model).transpose()
    }

    /// At most `limit` models of a workspace that fit `filter`, by name and then newest
    /// first, after `after`. What is asked for is found by an index: the newest versions
    /// name by name, terms in the index of terms.
    pub async fn model_list(
        &mut self,
        workspace: &Uuid,
        filter: &ModelFilter,
        after: Option<&ModelId>,
        limit: u32,
    ) -> Result<Vec<Model>> {
        let mut terms = filter.terms().into_iter();
        let name = filter.name.as_deref();
        let (mut query, order) = if filter.latest_only {
            newest(workspace, name, after)
        } else if let Some(term) = terms.next() {
            with_term(workspace, &term, name, after)
        } else {
            every(workspace, name, after, limit)
        };
        for term in terms {
            and_term(&mut query, term);
        }
        query.push(order).push(" LIMIT ");
        query.push_bind(limit);
        let rows = query.build().fetch_all(self.db()).await?;
        rows.iter().map(model).collect()
    }

    /// Names of the endpoints whose newest spec uses a model, at most 20.
    pub async fn model_used_by(&mut self, workspace: &Uuid, key: &ModelId) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT name FROM endpoint_terms
             WHERE workspace = ? AND kind = 'model' AND term = ? AND value = ?
             ORDER BY name LIMIT 20",
        )
        .bind(id(workspace))
        .bind(key.name.as_str())
        .bind(key.version.to_string())
        .fetch_all(self.db())
        .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }
}

impl Txn {
    /// Registers the next version of `name`.
    pub async fn model_insert(
        &mut self,
        workspace: &Uuid,
        name: &ModelName,
        spec: &ModelSpec,
        created_by: &str,
        now: Timestamp,
    ) -> Result<Model> {
        let row = sqlx::query(
            "INSERT INTO model_versions (workspace, name, newest) VALUES (?, ?, 1)
             ON CONFLICT (workspace, name) DO UPDATE SET newest = newest + 1
             RETURNING newest",
        )
        .bind(id(workspace))
        .bind(name.as_str())
        .fetch_one(self.db())
        .await?;
        let model = Model {
            uuid: Uuid::new_v4(),
            workspace: *workspace,
            id: ModelId {
                name: name.clone(),
                version: row.number("newest")?,
            },
            spec: spec.clone(),
            created_by: created_by.to_owned(),
            created_at: now,
            modified_at: now,
        };
        sqlx::query(
            "INSERT INTO models (id, workspace, name, version, spec, created_by, created_at,
                 modified_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&model.uuid))
        .bind(id(workspace))
        .bind(name.as_str())
        .bind(row::size(model.id.version))
        .bind(json(spec)?)
        .bind(created_by)
        .bind(now.as_microsecond())
        .bind(now.as_microsecond())
        .execute(self.db())
        .await?;
        self.model_terms_put(&model).await?;
        Ok(model)
    }

    /// Writes what is said of a model.
    pub async fn model_update(&mut self, model: &Model) -> Result<bool> {
        let done = sqlx::query("UPDATE models SET spec = ?, modified_at = ? WHERE id = ?")
            .bind(json(&model.spec)?)
            .bind(model.modified_at.as_microsecond())
            .bind(id(&model.uuid))
            .execute(self.db())
            .await?;
        self.model_terms_put(model).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a model version; its number is never given out again. Files that were
    /// uploaded for it alone are forgotten too.
    pub async fn model_delete(&mut self, uuid: &Uuid) -> Result<bool> {
        let row = sqlx::query("DELETE FROM models WHERE id = ? RETURNING *")
            .bind(id(uuid))
            .fetch_optional(self.db())
            .await?;
        let Some(row) = row else { return Ok(false) };
        let model = model(&row)?;
        if !self
            .asset_is_used(&model.workspace, &model.spec.asset)
            .await?
        {
            self.asset_forget(&model.workspace, &model.spec.asset)
                .await?;
        }
        Ok(true)
    }

    async fn asset_is_used(&mut self, workspace: &Uuid, asset: &Uuid) -> Result<bool> {
        let row = sqlx::query(
            "SELECT 1 FROM models WHERE workspace = ? AND json_extract(spec, '$.asset') = ?
             LIMIT 1",
        )
        .bind(id(workspace))
        .bind(asset.to_string())
        .fetch_optional(self.db())
        .await?;
        Ok(row.is_some())
    }
}
