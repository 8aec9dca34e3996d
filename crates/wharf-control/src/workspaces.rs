//! Resource groups and workspaces: make, change, list, remove.

use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    finding::Finding,
    name::{ResourceGroupName, WorkspaceName},
    quote::Quoted,
    workspace::{
        Caller, ResourceGroup, ResourceGroupRequest, Workspace, WorkspacePath, WorkspaceRequest,
        plain_location,
    },
};
use wharf_store::Txn;

use crate::{
    App, Listed, Page,
    places::{find_group, find_listed, find_subscription, find_workspace},
};

/// Most names that a refusal to remove a workspace lists of each kind.
const MOST_NAMED: u32 = 10;

/// Makes or changes a workspace; whether it is new.
pub(crate) async fn put_in_txn(
    txn: &mut Txn,
    group: &ResourceGroup,
    name: &str,
    request: WorkspaceRequest,
    now: jiff::Timestamp,
) -> Result<(Workspace, bool)> {
    let mut findings = Vec::new();
    request.check(&mut findings);
    let parsed = name.parse::<WorkspaceName>();
    if let Err(error) = &parsed {
        findings.push(Finding::new("name", format!("{} {error}", Quoted(name))));
    }
    let known = txn
        .workspace_get(&group.subscription, &group.name, name)
        .await?;
    let (Ok(parsed), true) = (parsed, findings.is_empty()) else {
        return Err(Error::Invalid(findings));
    };
    if let Some(mut workspace) = known {
        let moves = |wanted: &str| plain_location(wanted) != plain_location(&workspace.location);
        if let Some(wanted) = request.location.as_deref().filter(|it| moves(it)) {
            return Err(Error::conflict(
                Kind::Workspace,
                name,
                format!(
                    "is at location `{}` and cannot move to {}; leave `location` as it is",
                    workspace.location,
                    Quoted(wanted)
                ),
            ));
        }
        let finding = workspace.apply(request);
        finding.map_err(|finding| Error::Invalid(vec![finding]))?;
        txn.workspace_update(&workspace).await?;
        return Ok((workspace, false));
    }
    let location = request.location.as_deref().unwrap_or(&group.location);
    let mut workspace = Workspace {
        id: Uuid::new_v4(),
        subscription: group.subscription,
        group: group.name.clone(),
        friendly_name: parsed.to_string(),
        name: parsed,
        location: plain_location(location),
        description: String::new(),
        tags: Default::default(),
        kept: Default::default(),
        created_at: now,
    };
    let finding = workspace.apply(request);
    finding.map_err(|finding| Error::Invalid(vec![finding]))?;
    txn.workspace_insert(&workspace).await?;
    Ok((workspace, true))
}

fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(MOST_NAMED as usize)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// Why a workspace with these in it stays; `None` when nothing is in it.
fn still_in_use(name: &str, computes: &[String], endpoints: &[String]) -> Option<Error> {
    let mut what = Vec::new();
    if !endpoints.is_empty() {
        what.push(format!("the services {}", listed(endpoints)));
    }
    if !computes.is_empty() {
        what.push(format!("the computes {}", listed(computes)));
    }
    (!what.is_empty()).then(|| {
        Error::conflict(
            Kind::Workspace,
            name,
            format!(
                "still has {}; delete its services, delete or detach its computes, then delete \
                 the workspace",
                what.join(" and ")
            ),
        )
    })
}

impl App {
    /// Makes a resource group, or changes the labels of one.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`]; [`wharf_core::Error::Conflict`] for a group that
    /// is somewhere else.
    pub async fn resource_group_put(
        &self,
        _caller: &Caller,
        subscription: &str,
        name: &str,
        request: ResourceGroupRequest,
    ) -> Result<(ResourceGroup, bool)> {
        let (subscription, name) = (subscription.to_owned(), name.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let subscription = find_subscription(txn, &subscription).await?.id;
                    let mut findings = Vec::new();
                    request.check(&mut findings);
                    let known = txn.resource_group_get(&subscription, &name).await?;
                    if let Some(mut group) = known {
                        let wanted = request.location.as_deref();
                        let is_elsewhere = |wanted: &str| {
                            plain_location(wanted) != plain_location(&group.location)
                        };
                        if let Some(wanted) = wanted.filter(|it| is_elsewhere(it)) {
                            return Err(Error::conflict(
                                Kind::ResourceGroup,
                                &name,
                                format!(
                                    "is at location `{}` already and cannot move to {}",
                                    group.location,
                                    Quoted(wanted)
                                ),
                            ));
                        }
                        if !findings.is_empty() {
                            return Err(Error::Invalid(findings));
                        }
                        group.tags = request.tags.unwrap_or(group.tags);
                        txn.resource_group_update(&group).await?;
                        return Ok((group, false));
                    }
                    if let Err(error) = name.parse::<ResourceGroupName>() {
                        findings.push(Finding::new("name", format!("{} {error}", Quoted(&name))));
                    }
                    let location = request.location.as_deref().map(plain_location);
                    let location = location.filter(|text| !text.is_empty());
                    if location.is_none() {
                        findings.push(Finding::new(
                            "location",
                            "is missing; a new resource group needs one",
                        ));
                    }
                    let (Some(location), true) = (location, findings.is_empty()) else {
                        return Err(Error::Invalid(findings));
                    };
                    let group = ResourceGroup {
                        subscription,
                        name,
                        location,
                        tags: request.tags.unwrap_or_default(),
                    };
                    txn.resource_group_insert(&group).await?;
                    Ok((group, true))
                })
            })
            .await
    }

    /// Makes a workspace, or changes one. It is whole when this returns: nothing of it
    /// is on a cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the group; [`wharf_core::Error::Invalid`];
    /// [`wharf_core::Error::Conflict`] for another location.
    pub async fn workspace_put(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        request: WorkspaceRequest,
    ) -> Result<(Workspace, bool)> {
        let (now, path) = (self.now(), path.clone());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let group = find_group(txn, &path.subscription, &path.group).await?;
                    put_in_txn(txn, &group, &path.workspace, request, now).await
                })
            })
            .await
    }

    /// Changes a workspace that is there.
    ///
    /// # Errors
    /// As [`App::workspace_put`], and [`wharf_core::Error::NotFound`].
    pub async fn workspace_update(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        request: WorkspaceRequest,
    ) -> Result<Workspace> {
        let (now, path) = (self.now(), path.clone());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let known = find_workspace(txn, &path).await?;
                    let group = find_group(txn, &path.subscription, &path.group).await?;
                    let name = known.name.as_str();
                    Ok(put_in_txn(txn, &group, name, request, now).await?.0)
                })
            })
            .await
    }

    /// Removes a workspace with its models and files, and the roles that were given on
    /// it: whoever makes one of the same name later owes them nothing. Whether it was
    /// there.
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] while it has services or computes, which would
    /// go on running with nobody to see them.
    pub async fn workspace_delete(&self, _caller: &Caller, path: &WorkspacePath) -> Result<bool> {
        let path = path.clone();
        self.write_access(move |txn| {
            Box::pin(async move {
                let group = find_group(txn, &path.subscription, &path.group).await?;
                let known = txn
                    .workspace_get(&group.subscription, &group.name, &path.workspace)
                    .await?;
                let Some(workspace) = known else {
                    return Ok(false);
                };
                let (computes, endpoints) = txn
                    .workspace_occupants(&workspace.id, MOST_NAMED + 1)
                    .await?;
                let name = workspace.name.as_str();
                if let Some(error) = still_in_use(name, &computes, &endpoints) {
                    return Err(error);
                }
                let scope = workspace.scope();
                for held in txn.role_assignment_list().await? {
                    if scope.contains(&held.scope) {
                        txn.role_assignment_delete(&held.id).await?;
                    }
                }
                txn.workspace_delete(&workspace.id).await?;
                Ok(true)
            })
        })
        .await
    }

    /// A part of the workspaces of a subscription, or of one of its groups: those that
    /// the caller may read.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn workspace_list(
        &self,
        caller: &Caller,
        subscription: &str,
        group: Option<&str>,
        page: &Page,
    ) -> Result<Listed<Workspace>> {
        let mut session = self.store().read().await?;
        let listed = find_listed(&mut session, subscription, group).await?;
        let is_readable = |it: &Workspace| caller.may_read(&it.scope());
        let key = |it: &Workspace| format!("{}/{}", it.group, it.name);
        let mut gathered = page.gather();
        while !gathered.is_done() {
            let after = gathered.after().and_then(|after| after.split_once('/'));
            let batch = session.workspace_list(&listed, group, after, page.look_ahead());
            gathered.add(batch.await?, is_readable, key);
        }
        Ok(gathered.listed(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_workspace_is_named() {
        let names = |count: usize, prefix: &str| -> Vec<String> {
            (0..count).map(|index| format!("{prefix}{index}")).collect()
        };
        assert!(still_in_use("ws1", &[], &[]).is_none());
        let error = still_in_use("ws1", &names(1, "c"), &names(11, "s")).expect("in use");
        let text = error.to_string();
        assert!(text.contains("the services `s0`, "), "{text}");
        assert!(
            text.contains("`s9`, … and the computes `c0`; delete"),
            "{text}"
        );
    }
}
