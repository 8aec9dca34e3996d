//! Who names a blob: artifacts by what they hold, endpoints by what their replicas
//! are made from. A blob that nobody names may go.

use uuid::Uuid;
use wharf_core::{digest::Digest, endpoint::EndpointSpec, resource::Generation};

use crate::{
    Session, StoreError, Txn,
    row::{self, id},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Session {
    /// Those of `digests` that no artifact and no endpoint names.
    pub async fn blobs_unnamed(&mut self, digests: Vec<Digest>) -> Result<Vec<Digest>> {
        let mut unnamed = Vec::new();
        for digest in digests {
            let row = sqlx::query(
                "SELECT 1 WHERE EXISTS (
                     SELECT 1 FROM artifacts WHERE json_extract(content, '$.digest') = ?1)
                 OR EXISTS (SELECT 1 FROM endpoint_blobs WHERE digest = ?1)",
            )
            .bind(digest.to_string())
            .fetch_optional(self.db())
            .await?;
            if row.is_none() {
                unnamed.push(digest);
            }
        }
        Ok(unnamed)
    }
}

impl Txn {
    /// Notes what a spec needs, beside what older ones do.
    pub(crate) async fn endpoint_blobs_add(
        &mut self,
        endpoint: &Uuid,
        generation: Generation,
        spec: &EndpointSpec,
    ) -> Result<()> {
        let templates = spec.deployments.iter().map(|it| &it.template);
        for digest in templates.flat_map(|template| template.digests()) {
            sqlx::query(
                "INSERT INTO endpoint_blobs (endpoint, digest, generation) VALUES (?, ?, ?)
                 ON CONFLICT (endpoint, digest) DO UPDATE SET generation = excluded.generation",
            )
            .bind(id(endpoint))
            .bind(digest.to_string())
            .bind(row::generation(generation))
            .execute(self.db())
            .await?;
        }
        Ok(())
    }

    /// Forgets what only specs before `reached` needed.
    pub(crate) async fn endpoint_blobs_settle(
        &mut self,
        endpoint: &Uuid,
        reached: Generation,
    ) -> Result<()> {
        sqlx::query("DELETE FROM endpoint_blobs WHERE endpoint = ? AND generation < ?")
            .bind(id(endpoint))
            .bind(row::generation(reached))
            .execute(self.db())
            .await?;
        Ok(())
    }
}
