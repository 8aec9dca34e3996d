//! The record of who did what, written before anybody is answered.

use wharf_core::{
    Error, Result,
    audit::{AuditEntry, AuditFilter},
    workspace::Caller,
};
use wharf_store::AuditPage;

use crate::{App, Page, places::find_subscription};

impl App {
    /// Whether a write that happens now can be recorded. What cannot must not happen.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit_ready(&self) -> Result<()> {
        if !self.inner.audit.is_broken() {
            return Ok(());
        }
        self.inner
            .audit
            .probe()
            .await
            .map_err(|error| Error::Unavailable {
                what: "the audit log",
                inside: error.to_string(),
            })
    }

    /// Writes an entry. When that fails the log says so, and further writes are refused
    /// until it works again; the call of this entry has happened and gets its answer.
    pub async fn audit_record(&self, entry: &AuditEntry) {
        if let Err(error) = self.inner.audit.append(entry).await {
            tracing::error!(%error, request_id = entry.request, action = entry.action,
                resource = entry.resource, status = entry.status,
                "an entry of the audit log is lost");
        }
    }

    /// Entries of a subscription that the caller may read, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the subscription.
    pub async fn audit_list(
        &self,
        caller: &Caller,
        subscription: &str,
        filter: AuditFilter,
        page: &Page,
    ) -> Result<AuditPage> {
        let mut session = self.store().read().await?;
        let place = find_subscription(&mut session, subscription).await?.scope();
        drop(session);
        let caller = caller.clone();
        let wants = move |entry: &AuditEntry| {
            let scope = entry.scope();
            // What happened above all subscriptions is for who may read that.
            let is_here = place.contains(&scope) || !is_in_a_subscription(scope.as_str());
            is_here && filter.wants(entry) && caller.may_read(&scope)
        };
        let limit = page.limit.clamp(1, Page::MOST);
        let limit = usize::try_from(limit).unwrap_or(1);
        let found = self.inner.audit.page(page.after.as_deref(), limit, wants);
        Ok(found.await?)
    }
}

fn is_in_a_subscription(scope: &str) -> bool {
    scope.starts_with("/subscriptions/")
}
