//! Principals and their roles.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::{access::Assignment, workspace::Principal};

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

fn principal(row: &SqliteRow) -> Result<Principal> {
    Ok(Principal {
        id: row.uuid("id")?,
        client_id: row.uuid("client_id")?,
        display_name: row.text("display_name")?,
    })
}

fn assignment(row: &SqliteRow) -> Result<Assignment> {
    Ok(Assignment {
        id: row.uuid("id")?,
        principal: row.uuid("principal")?,
        role: row.parsed("role")?,
        scope: row.parsed("scope")?,
    })
}

impl Session {
    /// All principals, by name. There are few: see
    /// [`wharf_core::limits::MOST_PRINCIPALS`].
    pub async fn principal_list(&mut self) -> Result<Vec<Principal>> {
        let rows = sqlx::query("SELECT * FROM principals ORDER BY display_name COLLATE NOCASE")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(principal).collect()
    }

    /// A principal by its name, which compares without case.
    pub async fn principal_by_name(&mut self, name: &str) -> Result<Option<Principal>> {
        let row = sqlx::query("SELECT * FROM principals WHERE display_name = ? COLLATE NOCASE")
            .bind(name)
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(principal).transpose()
    }

    /// All roles of everybody.
    pub async fn role_assignment_list(&mut self) -> Result<Vec<Assignment>> {
        let rows = sqlx::query("SELECT * FROM role_assignments ORDER BY scope, role, principal")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(assignment).collect()
    }
}

impl Txn {
    /// Gives a role; giving one again changes nothing.
    pub async fn role_assignment_put(
        &mut self,
        assignment: &Assignment,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO role_assignments (id, principal, role, scope, created_at)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (principal, role, scope) DO NOTHING",
        )
        .bind(id(&assignment.id))
        .bind(id(&assignment.principal))
        .bind(assignment.role.as_str())
        .bind(assignment.scope.as_str())
        .bind(now.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Takes a role away.
    pub async fn role_assignment_delete(&mut self, key: &Uuid) -> Result<()> {
        sqlx::query("DELETE FROM role_assignments WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// Removes a principal with its roles.
    pub async fn principal_delete(&mut self, key: &Uuid) -> Result<()> {
        sqlx::query("DELETE FROM principals WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(())
    }
}
