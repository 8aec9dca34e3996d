//! Pages of what lies in resource groups, in the order of group and name.

use sqlx::{Sqlite, sqlite::SqliteArguments};
use uuid::Uuid;

use crate::row::id;

/// Which page: at most `limit` things of a subscription, or of one of its groups, after
/// a group and a name.
pub(crate) struct GroupPage<'a> {
    pub(crate) subscription: &'a Uuid,
    pub(crate) group: Option<&'a str>,
    pub(crate) after: Option<(&'a str, &'a str)>,
    pub(crate) limit: u32,
}

impl GroupPage<'_> {
    /// `of_group` is bound to the subscription, the group's key and a name's key,
    /// `of_all` to the subscription, a group's key and a name's key; both then to the
    /// limit.
    pub(crate) fn query(
        &self,
        of_group: &'static str,
        of_all: &'static str,
    ) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        let (after_group, after_name) = self.after.unwrap_or_default();
        let (sql, group) = match self.group {
            Some(group) => (of_group, group),
            None => (of_all, after_group),
        };
        sqlx::query(sql)
            .bind(id(self.subscription).to_vec())
            .bind(group.to_ascii_lowercase())
            .bind(after_name.to_ascii_lowercase())
            .bind(self.limit)
    }
}
