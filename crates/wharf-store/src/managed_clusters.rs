//! Managed clusters.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::{
    Secret,
    managed_cluster::{ManagedCluster, ManagedClusterSpec},
    resource::Generation,
};

use crate::{
    Session, StoreError, Txn,
    group_page::GroupPage,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

pub(crate) fn managed_cluster(row: &SqliteRow) -> Result<ManagedCluster> {
    Ok(ManagedCluster {
        id: row.uuid("id")?,
        subscription: row.uuid("subscription")?,
        group: row.text("group_name")?,
        name: row.parsed("name")?,
        spec: row.json("spec")?,
        generation: row.generation("generation")?,
        observed: row.json("observed")?,
        created_at: row.time("created_at")?,
        modified_at: row.time("modified_at")?,
    })
}

fn kubeconfig_place(key: &Uuid) -> String {
    format!("managed_clusters/kubeconfig/{key}")
}

impl Session {
    /// One cluster; names compare without case.
    pub async fn managed_cluster_get(
        &mut self,
        subscription: &Uuid,
        group: &str,
        name: &str,
    ) -> Result<Option<ManagedCluster>> {
        let row = sqlx::query(
            "SELECT * FROM managed_clusters
             WHERE subscription = ? AND group_key = ? AND name_key = ?",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .bind(name.to_ascii_lowercase())
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(managed_cluster).transpose()
    }

    /// One cluster by its id.
    pub async fn managed_cluster_by_id(&mut self, key: &Uuid) -> Result<Option<ManagedCluster>> {
        let row = sqlx::query("SELECT * FROM managed_clusters WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(managed_cluster).transpose()
    }

    /// At most `limit` clusters of a subscription, or of one of its groups, after a
    /// group and a name, by these.
    pub async fn managed_cluster_list(
        &mut self,
        subscription: &Uuid,
        group: Option<&str>,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<ManagedCluster>> {
        let page = GroupPage {
            subscription,
            group,
            after,
            limit,
        };
        let query = page.query(
            "SELECT * FROM managed_clusters
             WHERE subscription = ? AND group_key = ? AND name_key > ?
             ORDER BY name_key LIMIT ?",
            "SELECT * FROM managed_clusters
             WHERE subscription = ? AND (group_key, name_key) > (?, ?)
             ORDER BY group_key, name_key LIMIT ?",
        );
        let rows = query.fetch_all(self.db()).await?;
        rows.iter().map(managed_cluster).collect()
    }

    /// Clusters that are to be deleted by themselves.
    pub async fn managed_cluster_going(&mut self) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT id FROM managed_clusters WHERE is_going = 1 ORDER BY id")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }

    /// The kubeconfig that a cluster was imported with.
    pub async fn managed_cluster_kubeconfig(&mut self, key: &Uuid) -> Result<Option<Secret>> {
        let row = sqlx::query(
            "SELECT kubeconfig FROM managed_clusters WHERE id = ? AND kubeconfig IS NOT NULL",
        )
        .bind(id(key))
        .fetch_optional(self.db())
        .await?;
        row.map(|row| {
            self.seal
                .open(&kubeconfig_place(key), &row.bytes("kubeconfig")?)
        })
        .transpose()
    }
}

impl Txn {
    /// A new cluster, with its kubeconfig when it was imported with one.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when the name is taken.
    pub async fn managed_cluster_insert(
        &mut self,
        cluster: &ManagedCluster,
        kubeconfig: Option<&Secret>,
    ) -> Result<()> {
        let sealed = kubeconfig
            .map(|text| self.seal.seal(&kubeconfig_place(&cluster.id), text))
            .transpose()?;
        sqlx::query(
            "INSERT INTO managed_clusters (id, subscription, group_key, group_name, name_key,
                 name, spec, generation, observed, kubeconfig, created_at, modified_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&cluster.id))
        .bind(id(&cluster.subscription))
        .bind(cluster.group.to_ascii_lowercase())
        .bind(&cluster.group)
        .bind(cluster.name.key())
        .bind(cluster.name.as_str())
        .bind(json(&cluster.spec)?)
        .bind(row::generation(cluster.generation))
        .bind(json(&cluster.observed)?)
        .bind(sealed)
        .bind(cluster.created_at.as_microsecond())
        .bind(cluster.modified_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Writes a new spec at `generation`, if the row is still at the one before.
    pub async fn managed_cluster_update_spec(
        &mut self,
        key: &Uuid,
        generation: Generation,
        spec: &ManagedClusterSpec,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE managed_clusters SET spec = ?, is_going = ?, generation = ?, modified_at = ?
             WHERE id = ? AND generation = ? - 1",
        )
        .bind(json(spec)?)
        .bind(spec.is_absent)
        .bind(row::generation(generation))
        .bind(now.as_microsecond())
        .bind(id(key))
        .bind(row::generation(generation))
        .execute(self.db())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes what was seen, if the row is still at `generation`.
    pub async fn managed_cluster_write_observed(
        &mut self,
        key: &Uuid,
        generation: Generation,
        observed: &wharf_core::resource::Observed,
    ) -> Result<bool> {
        let done =
            sqlx::query("UPDATE managed_clusters SET observed = ? WHERE id = ? AND generation = ?")
                .bind(json(observed)?)
                .bind(id(key))
                .bind(row::generation(generation))
                .execute(self.db())
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a cluster.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] while a compute is attached to it.
    pub async fn managed_cluster_delete(&mut self, key: &Uuid) -> Result<bool> {
        let done = sqlx::query("DELETE FROM managed_clusters WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
