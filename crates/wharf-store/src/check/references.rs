//! What rows name of each other where no foreign key watches.

use sqlx::Row as _;
use uuid::Uuid;

use super::walk::Walked;
use crate::{Session, StoreError, row::Columns as _};

type Result<T> = std::result::Result<T, StoreError>;

/// A rule, and a query that gives a line for each row that breaks it.
const RULES: &[(&str, &str)] = &[
    (
        "wrong-block-total",
        "SELECT path || ': ' || block_count || ' blocks, ' || block_bytes || ' bytes are counted'
         FROM artifacts
         WHERE block_count <> (SELECT count(*) FROM blocks WHERE artifact = artifacts.id)
            OR block_bytes <> (SELECT COALESCE(sum(size), 0) FROM blocks WHERE artifact = artifacts.id)
            OR (blocks_at IS NULL) <> (block_count = 0)",
    ),
    (
        "model-without-asset",
        "SELECT name || ':' || version FROM models
         WHERE json_extract(spec, '$.asset') IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM assets WHERE assets.workspace = models.workspace
               AND lower(hex(assets.id)) = lower(replace(json_extract(models.spec, '$.asset'), '-', '')))",
    ),
    (
        "version-given-twice",
        "SELECT models.name || ':' || max(version) FROM models
         LEFT JOIN model_versions USING (workspace, name)
         GROUP BY models.workspace, models.name HAVING max(version) > COALESCE(max(newest), 0)",
    ),
    (
        "endpoint-of-a-missing-model",
        "SELECT endpoints.name || ' uses ' || used.name || ':' || used.version
         FROM endpoint_models AS used JOIN endpoints ON endpoints.id = used.endpoint
         WHERE NOT EXISTS (SELECT 1 FROM models WHERE models.workspace = used.workspace
             AND models.name = used.name AND models.version = used.version)",
    ),
    (
        "endpoint-models-differ",
        "SELECT endpoints.name FROM endpoints, json_each(endpoints.spec, '$.deployments') AS deployment,
             json_each(deployment.value, '$.template.models') AS model
         WHERE NOT EXISTS (SELECT 1 FROM endpoint_models AS used WHERE used.endpoint = endpoints.id
             AND used.name = json_extract(model.value, '$.id.name')
             AND used.version = json_extract(model.value, '$.id.version'))",
    ),
    (
        "endpoint-terms-differ",
        "WITH wanted (endpoint, kind, term, value) AS (
             SELECT endpoints.id, 'tag', label.key, label.value
             FROM endpoints, json_each(endpoints.spec, '$.tags') AS label
             UNION SELECT endpoints.id, 'property', label.key, label.value
             FROM endpoints, json_each(endpoints.spec, '$.properties') AS label
             UNION SELECT endpoint, 'model', name, CAST(version AS TEXT) FROM endpoint_models
             UNION SELECT endpoints.id, 'version', json_extract(it.value, '$.name'), ''
             FROM endpoints, json_each(endpoints.spec, '$.deployments') AS it
             WHERE json_extract(endpoints.spec, '$.is_versioned') = 1)
         SELECT kind || ' ' || term FROM
             (SELECT * FROM wanted EXCEPT SELECT endpoint, kind, term, value FROM endpoint_terms)
         UNION ALL SELECT kind || ' ' || term FROM
             (SELECT endpoint, kind, term, value FROM endpoint_terms EXCEPT SELECT * FROM wanted)",
    ),
    (
        "model-terms-differ",
        // As a write spells them; text alone is a term.
        "WITH label (model, kind, name, value) AS (
             SELECT models.id, 't', it.key, it.value
             FROM models, json_each(models.spec, '$.tags') AS it
             UNION ALL SELECT models.id, 'p', it.key, it.value
             FROM models, json_each(models.spec, '$.properties') AS it),
         wanted (model, term) AS (
             SELECT model, kind || '?' || name FROM label
             UNION SELECT model, kind || '=' || name || char(31) || value FROM label
             UNION SELECT models.id, 'd=' || json_extract(it.value, '$.id')
             FROM models, json_each(models.spec, '$.extra.datasets') AS it
             WHERE json_type(models.spec, '$.extra.datasets') = 'array' AND it.type = 'object'
                 AND json_type(it.value, '$.id') = 'text'
             UNION SELECT id, 'r=' || json_extract(spec, '$.extra.runId')
             FROM models WHERE json_type(spec, '$.extra.runId') = 'text'
             UNION SELECT id, 'f=' || json_extract(spec, '$.framework')
             FROM models WHERE json_type(spec, '$.framework') = 'text'),
         wrong (model, term) AS (
             SELECT * FROM (SELECT * FROM wanted EXCEPT SELECT model, term FROM model_terms)
             UNION ALL
             SELECT * FROM (SELECT model, term FROM model_terms EXCEPT SELECT * FROM wanted))
         SELECT models.name || ':' || models.version || ' and ' || wrong.term
         FROM wrong LEFT JOIN models ON models.id = wrong.model
         UNION ALL
         SELECT models.name || ':' || models.version || ' is listed under another name'
         FROM model_terms AS found JOIN models ON models.id = found.model
         WHERE found.workspace <> models.workspace OR found.name <> models.name
             OR found.newest_first <> -models.version",
    ),
    (
        "endpoint-blobs-differ",
        "SELECT endpoints.name || ' needs ' || found.value
         FROM endpoints, json_tree(endpoints.spec, '$.deployments') AS found
         WHERE found.key = 'digest' AND found.type = 'text'
           AND NOT EXISTS (SELECT 1 FROM endpoint_blobs WHERE endpoint = endpoints.id
               AND digest = found.value)",
    ),
    (
        "compute-without-its-cluster",
        "SELECT name FROM computes
         WHERE lower(hex(cluster)) <> lower(replace(json_extract(spec, '$.cluster'), '-', ''))",
    ),
    (
        "endpoint-without-its-compute",
        "SELECT name FROM endpoints
         WHERE lower(hex(compute)) <> lower(replace(json_extract(spec, '$.compute'), '-', ''))",
    ),
];

pub(super) async fn walk(session: &mut Session, walked: &mut Walked) -> Result<()> {
    for (rule, query) in RULES {
        let rows = sqlx::query(*query).fetch_all(session.db()).await?;
        for row in rows {
            let what: Option<String> = row.try_get(0)?;
            walked.broken(rule, what.unwrap_or_default());
        }
    }
    sealed(session, walked).await
}

/// Sealed fields open; what they hold is not told.
async fn sealed(session: &mut Session, walked: &mut Walked) -> Result<()> {
    for id in ids(session, "SELECT id FROM endpoints").await? {
        let opened = session.endpoint_keys(&id).await;
        told(opened.map(drop), walked);
    }
    for id in ids(session, "SELECT id FROM managed_clusters").await? {
        let opened = session.managed_cluster_kubeconfig(&id).await;
        told(opened.map(drop), walked);
    }
    Ok(())
}

async fn ids(session: &mut Session, query: &'static str) -> Result<Vec<Uuid>> {
    let rows = sqlx::query(query).fetch_all(session.db()).await?;
    rows.iter().map(|row| row.uuid("id")).collect()
}

fn told(opened: Result<()>, walked: &mut Walked) {
    if let Err(error) = opened {
        walked.broken("sealed-field", error.to_string());
    }
}
