//! Principals and their roles: who can sign in, and what they may do then.
//!
//! What is needed for each request is kept in memory and read anew after each
//! change, so that a principal or a role that is gone is gone with the answer.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::rand;
use tokio::sync::Mutex;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result, Secret,
    access::{Assignment, Role, Scope},
    limits::{MOST_PRINCIPALS, MOST_ROLE_ASSIGNMENTS},
    name::PrincipalName,
    workspace::{Caller, Principal},
};
use wharf_store::{Session, Store};

use crate::{
    App,
    app::to_its_end,
    bootstrap::{Administrator, secret_hash},
};

/// Bytes of a secret before they are spelled in hex.
const SECRET_BYTES: usize = 32;

type Assignments = HashMap<Uuid, Arc<[Assignment]>>;

/// Who is there, with which roles.
pub(crate) struct Access {
    /// `None` when a write was made and could not be read back: nobody is known by what
    /// was true before it.
    known: RwLock<Option<Arc<Assignments>>>,
    /// Held while the store is read, so that an older reading never comes last.
    reading: Mutex<()>,
}

impl Access {
    pub(crate) async fn load(store: &Store) -> Result<Self> {
        Ok(Self {
            known: RwLock::new(Some(Arc::new(read(store).await?))),
            reading: Mutex::new(()),
        })
    }

    /// Reads anew. When that fails nothing is known until a reading goes well.
    async fn refresh(&self, store: &Store) -> Result<()> {
        let _reading = self.reading.lock().await;
        // Also when this is given up half way.
        self.set(None);
        self.set(Some(Arc::new(read(store).await?)));
        Ok(())
    }

    fn set(&self, known: Option<Arc<Assignments>>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn known(&self) -> Option<Arc<Assignments>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(Arc::clone)
    }

    /// The roles of a principal; `None` when there is no such principal.
    ///
    /// # Errors
    /// When a change could not be read back, and still cannot.
    pub(crate) async fn of(
        &self,
        store: &Store,
        principal: &Uuid,
    ) -> Result<Option<Arc<[Assignment]>>> {
        let known = match self.known() {
            Some(known) => known,
            None => self.read_back(store).await?,
        };
        Ok(known.get(principal).map(Arc::clone))
    }

    async fn read_back(&self, store: &Store) -> Result<Arc<Assignments>> {
        let _reading = self.reading.lock().await;
        // Whoever held the lock before may have done it.
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let read = Arc::new(read(store).await?);
        self.set(Some(Arc::clone(&read)));
        Ok(read)
    }
}

async fn read(store: &Store) -> Result<Assignments> {
    let mut session = store.read().await?;
    let mut by_principal: HashMap<Uuid, Vec<Assignment>> = HashMap::new();
    for principal in session.principal_list().await? {
        by_principal.entry(principal.id).or_default();
    }
    for assignment in session.role_assignment_list().await? {
        // One that was given between the two readings waits for the next one.
        if let Some(known) = by_principal.get_mut(&assignment.principal) {
            known.push(assignment);
        }
    }
    let into = |(principal, held): (Uuid, Vec<_>)| (principal, held.into());
    Ok(by_principal.into_iter().map(into).collect())
}

/// A principal with its roles.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub principal: Principal,
    /// What it may do, and where.
    pub assignments: Vec<Assignment>,
}

/// A principal that was made, with the secret that is shown this once.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Who.
    pub member: Member,
    /// For a client-credentials sign-in; only its digest is kept.
    pub secret: Secret,
}

fn fresh_secret() -> Result<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(Secret::new(
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    ))
}

async fn find(session: &mut Session, name: &str) -> Result<Principal> {
    let found = session.principal_by_name(name).await?;
    found.ok_or_else(|| Error::not_found(Kind::Principal, name))
}

/// The first administrator is whoever has the data directory; what is taken from it
/// there comes back with the next start.
fn keep_administrator(principal: &Uuid, administrator: &Administrator, name: &str) -> Result<()> {
    if *principal == administrator.principal {
        return Err(Error::conflict(
            Kind::Principal,
            name,
            "is the first administrator; its secret is in the data directory \
             (keys/administrator.secret), and its role cannot be taken away",
        ));
    }
    Ok(())
}

impl App {
    /// All principals with their roles, by name.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn principal_list(&self, _caller: &Caller) -> Result<Vec<Member>> {
        let mut session = self.store().read().await?;
        let principals = session.principal_list().await?;
        let assignments = session.role_assignment_list().await?;
        let of = |principal: Principal| Member {
            assignments: assignments
                .iter()
                .filter(|held| held.principal == principal.id)
                .cloned()
                .collect(),
            principal,
        };
        Ok(principals.into_iter().map(of).collect())
    }

    /// Makes a principal with `role` at each of `scopes`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name; [`Error::Conflict`] when the name is taken.
    pub async fn principal_create(
        &self,
        _caller: &Caller,
        name: &str,
        role: Role,
        scopes: &[Scope],
    ) -> Result<NewSecret> {
        let name: PrincipalName = name
            .parse()
            .map_err(|error| Error::invalid("name", format!("`{name}` {error}")))?;
        let principal = Principal {
            id: Uuid::new_v4(),
            client_id: Uuid::new_v4(),
            display_name: name.to_string(),
        };
        let to_assignment = |scope: &Scope| Assignment {
            id: Uuid::new_v4(),
            principal: principal.id,
            role,
            scope: scope.clone(),
        };
        let member = Member {
            assignments: scopes.iter().map(to_assignment).collect(),
            principal: principal.clone(),
        };
        let secret = fresh_secret()?;
        let (hash, written, now) = (secret_hash(&secret), member.clone(), self.now());
        self.write_access(move |txn| {
            Box::pin(async move {
                let name = &written.principal.display_name;
                if txn.principal_by_name(name).await?.is_some() {
                    return Err(Error::conflict(
                        Kind::Principal,
                        name,
                        "is there already; take another name, delete it first, or ask for a new \
                         secret of it",
                    ));
                }
                check_room(txn, written.assignments.len()).await?;
                txn.principal_put(&written.principal, &hash).await?;
                for assignment in &written.assignments {
                    txn.role_assignment_put(assignment, now).await?;
                }
                Ok(())
            })
        })
        .await?;
        Ok(NewSecret { member, secret })
    }

    /// Gives a principal a new secret; the old one opens nothing from now on. Tokens
    /// that were given out stay good until they expire.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the first administrator.
    pub async fn principal_renew_secret(&self, _caller: &Caller, name: &str) -> Result<NewSecret> {
        let secret = fresh_secret()?;
        let (hash, name) = (secret_hash(&secret), name.to_owned());
        let administrator = self.administrator().clone();
        let member = self
            .write_access(move |txn| {
                Box::pin(async move {
                    let principal = find(txn, &name).await?;
                    keep_administrator(&principal.id, &administrator, &name)?;
                    txn.principal_put(&principal, &hash).await?;
                    let mut assignments = txn.role_assignment_list().await?;
                    assignments.retain(|held| held.principal == principal.id);
                    Ok(Member {
                        principal,
                        assignments,
                    })
                })
            })
            .await?;
        Ok(NewSecret { member, secret })
    }

    /// Removes a principal with its roles; its tokens are refused at once. Removing
    /// one that is not there is fine.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the first administrator.
    pub async fn principal_delete(&self, _caller: &Caller, name: &str) -> Result<bool> {
        let (name, administrator) = (name.to_owned(), self.administrator().clone());
        self.write_access(move |txn| {
            Box::pin(async move {
                let Some(principal) = txn.principal_by_name(&name).await? else {
                    return Ok(false);
                };
                keep_administrator(&principal.id, &administrator, &name)?;
                txn.principal_delete(&principal.id).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The roles that `caller` may read, which hold at `scope`, above or below it.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn role_assignment_list(
        &self,
        caller: &Caller,
        scope: &Scope,
    ) -> Result<Vec<Assignment>> {
        let mut found = self.store().read().await?.role_assignment_list().await?;
        found.retain(|held| {
            (held.scope.contains(scope) || scope.contains(&held.scope))
                && (caller.may_read(&held.scope) || held.principal == caller.principal.id)
        });
        Ok(found)
    }

    /// Gives a principal a role at a scope, under an id that the caller chose. Giving it
    /// again is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the principal; [`Error::Conflict`] when the id is that of
    /// another role.
    pub async fn role_assignment_put(
        &self,
        _caller: &Caller,
        wanted: Assignment,
    ) -> Result<Assignment> {
        let now = self.now();
        self.write_access(move |txn| {
            Box::pin(async move {
                let principals = txn.principal_list().await?;
                if !principals.iter().any(|it| it.id == wanted.principal) {
                    let id = wanted.principal.to_string();
                    return Err(Error::not_found(Kind::Principal, id));
                }
                let known = txn.role_assignment_list().await?;
                let same = |held: &&Assignment| {
                    (held.principal, held.role, &held.scope)
                        == (wanted.principal, wanted.role, &wanted.scope)
                };
                if let Some(there) = known.iter().find(same) {
                    return Ok(there.clone());
                }
                if known.iter().any(|held| held.id == wanted.id) {
                    let id = wanted.id.to_string();
                    let why = "is another role already; an id never changes its meaning";
                    return Err(Error::conflict(Kind::RoleAssignment, id, why));
                }
                check_room(txn, 1).await?;
                txn.role_assignment_put(&wanted, now).await?;
                Ok(wanted)
            })
        })
        .await
    }

    /// Takes a role away. `None` when there was none with this id at this scope.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the role of the first administrator.
    pub async fn role_assignment_delete(
        &self,
        _caller: &Caller,
        scope: &Scope,
        id: Uuid,
    ) -> Result<Option<Assignment>> {
        let (scope, administrator) = (scope.clone(), self.administrator().clone());
        self.write_access(move |txn| {
            Box::pin(async move {
                let known = txn.role_assignment_list().await?;
                let here = |held: &Assignment| held.id == id && held.scope == scope;
                let Some(found) = known.into_iter().find(here) else {
                    return Ok(None);
                };
                keep_administrator(&found.principal, &administrator, "administrator")?;
                txn.role_assignment_delete(&found.id).await?;
                Ok(Some(found))
            })
        })
        .await
    }

    /// Writes, and then reads anew who may what, before anybody is answered.
    pub(crate) async fn write_access<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(
                &'t mut wharf_store::Txn,
            ) -> futures_util::future::BoxFuture<'t, Result<T>>
            + Send
            + 'static,
    {
        let app = self.clone();
        to_its_end(async move {
            let written = app.store().write(work).await?;
            // What was written stays written, and is known before anybody is let in by it.
            if let Err(error) = app.inner.access.refresh(app.store()).await {
                tracing::warn!(%error, "who may what could not be read back; it is tried again");
            }
            Ok(written)
        })
        .await
    }
}

/// All of them are in memory.
async fn check_room(session: &mut Session, more: usize) -> Result<()> {
    let principals = session.principal_list().await?.len();
    let assignments = session.role_assignment_list().await?.len();
    if principals >= MOST_PRINCIPALS || assignments + more > MOST_ROLE_ASSIGNMENTS {
        return Err(Error::conflict(
            Kind::Principal,
            "(a new one)",
            format!(
                "there are {principals} principals with {assignments} roles; at most \
                 {MOST_PRINCIPALS} and {MOST_ROLE_ASSIGNMENTS} are kept, delete some first"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn nobody_is_known_by_what_was_true_before_a_change_that_was_not_read_back() {
        let test = TestApp::new().await;
        let (app, who) = (&test.app, test.caller.principal.id);
        let access = Access::load(app.store()).await.expect("read");
        assert!(access.of(app.store(), &who).await.expect("known").is_some());
        // Another store that is closed: no reading goes well.
        let other = TestApp::new().await;
        other.app.store().close().await;
        assert!(access.refresh(other.app.store()).await.is_err());
        let refused = access.of(other.app.store(), &who).await;
        assert!(
            matches!(refused, Err(Error::Unavailable { .. })),
            "{refused:?}"
        );
        assert!(access.of(app.store(), &who).await.expect("known").is_some());
    }
}
