//! Certificates of computes, sealed, and the leaf labels of workspaces.

use jiff::Timestamp;
use sqlx::Row as _;
use uuid::Uuid;
use wharf_core::{
    Secret,
    tls::{CertificatePair, HostName, LeafLabel},
};

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A leaf label of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLabel {
    /// The random characters after it, which stay for ever.
    pub tail: String,
    /// The compute that is served under it.
    pub holder: Option<Uuid>,
}

fn place(column: &str, compute: &Uuid) -> String {
    format!("compute_certificates/{column}/{compute}")
}

impl Session {
    /// The name and the pair of a compute.
    pub async fn compute_certificate(
        &mut self,
        compute: &Uuid,
    ) -> Result<Option<(HostName, CertificatePair)>> {
        let row = sqlx::query(
            "SELECT host, certificate, key FROM compute_certificates WHERE compute = ?",
        )
        .bind(id(compute))
        .fetch_optional(self.db())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let open = |column: &str| self.seal.open(&place(column, compute), &row.bytes(column)?);
        let pair = CertificatePair {
            certificate: open("certificate")?.reveal().to_owned(),
            key: open("key")?,
        };
        Ok(Some((row.parsed("host")?, pair)))
    }

    /// Every compute that has a certificate.
    pub async fn compute_certificate_ids(&mut self) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT compute FROM compute_certificates ORDER BY compute")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("compute")).collect()
    }

    /// The compute that is served under a name.
    pub async fn compute_id_by_host(&mut self, host: &HostName) -> Result<Option<Uuid>> {
        let row = sqlx::query("SELECT compute FROM compute_certificates WHERE host = ?")
            .bind(host.as_str())
            .fetch_optional(self.db())
            .await?;
        row.map(|row| row.uuid("compute")).transpose()
    }

    /// A label of a workspace.
    pub async fn leaf_label(
        &mut self,
        workspace: &Uuid,
        label: &LeafLabel,
    ) -> Result<Option<StoredLabel>> {
        let row =
            sqlx::query("SELECT tail, holder FROM leaf_labels WHERE workspace = ? AND label = ?")
                .bind(id(workspace))
                .bind(label.as_str())
                .fetch_optional(self.db())
                .await?;
        let Some(row) = row else { return Ok(None) };
        let holder: Option<Vec<u8>> = row.try_get("holder")?;
        Ok(Some(StoredLabel {
            tail: row.text("tail")?,
            holder: holder.map(|_| row.uuid("holder")).transpose()?,
        }))
    }

    /// Whether `name`, a label with its tail, is one of any workspace.
    pub async fn leaf_name_is_known(&mut self, name: &str) -> Result<bool> {
        let found = sqlx::query("SELECT 1 FROM leaf_labels WHERE label || tail = ?")
            .bind(name)
            .fetch_optional(self.db())
            .await?;
        Ok(found.is_some())
    }
}

impl Txn {
    /// Makes this the name and the pair of a compute.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when another compute has the name.
    pub async fn compute_certificate_put(
        &mut self,
        compute: &Uuid,
        host: &HostName,
        pair: &CertificatePair,
    ) -> Result<()> {
        let certificate = Secret::new(pair.certificate.as_str());
        let certificate = self
            .seal
            .seal(&place("certificate", compute), &certificate)?;
        let key = self.seal.seal(&place("key", compute), &pair.key)?;
        sqlx::query(
            "INSERT INTO compute_certificates (compute, host, certificate, key)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (compute) DO UPDATE SET host = excluded.host,
                 certificate = excluded.certificate, key = excluded.key",
        )
        .bind(id(compute))
        .bind(host.as_str())
        .bind(certificate)
        .bind(key)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Forgets the pair of a compute and lets go of its label, whose name stays.
    pub async fn compute_certificate_delete(&mut self, compute: &Uuid) -> Result<()> {
        sqlx::query("DELETE FROM compute_certificates WHERE compute = ?")
            .bind(id(compute))
            .execute(self.db())
            .await?;
        sqlx::query("UPDATE leaf_labels SET holder = NULL WHERE holder = ?")
            .bind(id(compute))
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// Gives a label to a compute, which lets go of any other. Of the labels that
    /// nobody has now, the `most` newest of the workspace are remembered.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when label and tail make a name that is there.
    pub async fn leaf_label_hold(
        &mut self,
        workspace: &Uuid,
        label: &LeafLabel,
        tail: &str,
        holder: &Uuid,
        (now, most): (Timestamp, u32),
    ) -> Result<()> {
        sqlx::query("UPDATE leaf_labels SET holder = NULL WHERE holder = ?")
            .bind(id(holder))
            .execute(self.db())
            .await?;
        sqlx::query(
            "INSERT INTO leaf_labels (workspace, label, tail, holder, used_at)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (workspace, label) DO UPDATE SET holder = excluded.holder,
                 used_at = excluded.used_at",
        )
        .bind(id(workspace))
        .bind(label.as_str())
        .bind(tail)
        .bind(id(holder))
        .bind(now.as_microsecond())
        .execute(self.db())
        .await?;
        sqlx::query(
            "DELETE FROM leaf_labels WHERE workspace = ?1 AND label IN (
                 SELECT label FROM leaf_labels WHERE workspace = ?1 AND holder IS NULL
                 ORDER BY used_at DESC LIMIT -1 OFFSET ?2)",
        )
        .bind(id(workspace))
        .bind(most)
        .execute(self.db())
        .await?;
        Ok(())
    }
}
