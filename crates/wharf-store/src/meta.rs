//! Small values of the whole installation, and who can sign in.

use uuid::Uuid;
use wharf_core::workspace::Principal;

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Session {
    /// A value by its key.
    ///
    /// # Errors
    /// When the database cannot be read; so for every function of this crate.
    pub async fn meta_get(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(self.db())
            .await?;
        row.map(|row| row.bytes("value")).transpose()
    }

    /// A principal by its client id, with the SHA-256 of its secret.
    pub async fn principal_by_client(
        &mut self,
        client_id: &Uuid,
    ) -> Result<Option<(Principal, Vec<u8>)>> {
        let row = sqlx::query("SELECT * FROM principals WHERE client_id = ?")
            .bind(id(client_id))
            .fetch_optional(self.db())
            .await?;
        row.map(|row| {
            let principal = Principal {
                id: row.uuid("id")?,
                client_id: row.uuid("client_id")?,
                display_name: row.text("display_name")?,
            };
            Ok((principal, row.bytes("secret_hash")?))
        })
        .transpose()
    }
}

impl Txn {
    /// Sets a value.
    pub async fn meta_put(&mut self, key: &str, value: &[u8]) -> Result<()> {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Writes a principal with the SHA-256 of its secret.
    pub async fn principal_put(&mut self, principal: &Principal, secret_hash: &[u8]) -> Result<()> {
        sqlx::query(
            "INSERT INTO principals (id, client_id, display_name, secret_hash)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id,
                 display_name = excluded.display_name, secret_hash = excluded.secret_hash",
        )
        .bind(id(&principal.id))
        .bind(id(&principal.client_id))
        .bind(&principal.display_name)
        .bind(secret_hash)
        .execute(self.db())
        .await?;
        Ok(())
    }
}
