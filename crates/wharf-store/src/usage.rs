//! How much each workspace uses. Triggers count (migration 10), the writer refuses.

use uuid::Uuid;
use wharf_core::quota::{OverQuota, Quota, Quotas};

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id, size},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Session {
    /// What a workspace uses of one kind.
    pub async fn usage_get(&mut self, workspace: &Uuid, quota: Quota) -> Result<u64> {
        let row = sqlx::query("SELECT used FROM usage WHERE workspace = ? AND kind = ?")
            .bind(id(workspace))
            .bind(quota.as_str())
            .fetch_optional(self.db())
            .await?;
        row.map_or(Ok(0), |row| row.number("used"))
    }
}

impl Txn {
    /// Sets how much each workspace may use. What is used already stays.
    pub async fn quotas_put(&mut self, quotas: &Quotas) -> Result<()> {
        for quota in Quota::ALL {
            sqlx::query(
                "INSERT INTO quotas (kind, most) VALUES (?, ?)
                 ON CONFLICT (kind) DO UPDATE SET most = excluded.most",
            )
            .bind(quota.as_str())
            .bind(size(quotas.most(quota)))
            .execute(self.db())
            .await?;
        }
        Ok(())
    }

    /// What the job under way uses too much of.
    pub(crate) async fn usage_over(&mut self) -> Result<Option<OverQuota>> {
        let row = sqlx::query("SELECT kind, used, most FROM usage_over LIMIT 1")
            .fetch_optional(self.db())
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let kind = row.text("kind")?;
        let quota = Quota::find(&kind)
            .ok_or_else(|| StoreError::Unreadable(format!("usage_over.kind: {kind}")))?;
        Ok(Some(OverQuota {
            quota,
            used: row.number("used")?,
            most: row.number("most")?,
        }))
    }
}
