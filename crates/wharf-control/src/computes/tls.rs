//! The TLS part of a PUT of a compute: checked with the rest, then written with it.

use std::sync::Arc;

use aws_lc_rs::rand;
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    compute::{Compute, ComputeRequest, ComputeSpec, LoadBalancer},
    finding::Finding,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    tls::{
        CertificateIssuer, CertificatePair, HostName, IssuedPair, LABEL_TAIL, LeafLabel, OwnNames,
        RENEW_BEFORE, Tls, TlsChange, TlsSource,
    },
    workspace::Workspace,
};
use wharf_store::{Session, Txn};

use super::busy::busy;

/// Characters of a label's tail; 32 of them, so that a random byte chooses evenly.
/// None is easily taken for another.
const TAIL_CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Labels of a workspace that are remembered while no compute has them.
pub const MOST_UNHELD_LABELS: u32 = 100;

/// Who makes certificates, and which names nobody may take.
#[derive(Clone)]
pub struct TlsAuthority {
    /// Makes certificates for leaf labels.
    pub issuer: Arc<dyn CertificateIssuer>,
    /// Names of the server itself.
    pub names: OwnNames,
}

/// What a PUT does to the TLS of its compute.
pub(super) struct TlsPut {
    authority: TlsAuthority,
    /// What the compute has before.
    known: Tls,
    change: TlsChange,
    /// What is to be stored once the compute's row is there.
    row: Row,
    /// A compute that lost its label to this one.
    disturbed: Option<Uuid>,
}

enum Row {
    Keep,
    Clear,
    Set {
        host: HostName,
        pair: CertificatePair,
        label: Option<(LeafLabel, String)>,
    },
}

impl TlsPut {
    pub(super) fn new(authority: TlsAuthority) -> Self {
        Self {
            authority,
            known: Tls::Unset,
            change: TlsChange::Keep,
            row: Row::Keep,
            disturbed: None,
        }
    }

    pub(super) fn disturbed(&self) -> Option<Uuid> {
        self.disturbed
    }

    /// Everything that can be told without the other computes.
    pub(super) fn check(
        &mut self,
        request: &ComputeRequest,
        known: Option<&Tls>,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) {
        self.known = known.cloned().unwrap_or_default();
        if let Some(tls) = &request.tls {
            self.change = tls.check(&self.known, now, findings);
        }
        if let TlsChange::Own { host, .. } = &self.change
            && self.authority.names.holds(host)
        {
            findings.push(Tls::own_name_finding(host));
        }
    }

    /// What the load balancer that the compute will have says of its name.
    pub(super) fn check_address(&self, load_balancer: &LoadBalancer, findings: &mut Vec<Finding>) {
        let is_label = match &self.change {
            TlsChange::Label { .. } => true,
            TlsChange::Disable | TlsChange::Own { .. } => false,
            TlsChange::Keep | TlsChange::Renew => self.known.label().is_some(),
        };
        let is_internal = matches!(load_balancer, LoadBalancer::Internal { .. });
        Tls::check_address(is_label, is_internal, findings);
    }

    /// What a request for a new compute asks for that the one there has not; the same
    /// certificate again is none.
    pub(super) fn difference(&mut self) -> Option<String> {
        match (&self.change, &self.known) {
            (TlsChange::Keep, _) | (TlsChange::Disable, Tls::Unset | Tls::Disabled) => {}
            (
                TlsChange::Own { host, pair, .. },
                Tls::Served {
                    host: there,
                    certificate,
                    ..
                },
            ) if host == there && *certificate == pair.digest() => {}
            (TlsChange::Own { host, .. }, _) => {
                return Some(format!("another certificate, for `{host}`"));
            }
            (TlsChange::Label { label, .. }, _) => {
                return Some(format!("leaf domain label `{label}`"));
            }
            (TlsChange::Disable, _) => return Some("TLS turned off".to_owned()),
            (TlsChange::Renew, _) => return Some("a renewed certificate".to_owned()),
        }
        self.change = TlsChange::Keep;
        None
    }

    /// What the spec says from now on. Nothing is written for this compute yet; one
    /// that loses its label is.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name or the label is another compute's.
    pub(super) async fn plan(
        &mut self,
        txn: &mut Txn,
        workspace: &Workspace,
        name: &str,
        spec: &ComputeSpec,
        known: Option<&Compute>,
        now: Timestamp,
    ) -> Result<Tls> {
        let known_tls = self.known.clone();
        let location = spec.compute_location.as_deref();
        let location = location.unwrap_or(&workspace.location);
        match std::mem::replace(&mut self.change, TlsChange::Keep) {
            TlsChange::Keep => Ok(known_tls),
            TlsChange::Disable => {
                self.row = Row::Clear;
                Ok(Tls::Disabled)
            }
            TlsChange::Own {
                host,
                pair,
                not_after,
            } => {
                self.check_free(txn, &host, name, known).await?;
                self.check_is_no_label(txn, &host).await?;
                let certificate = pair.digest();
                self.row = Row::Set {
                    host: host.clone(),
                    pair,
                    label: None,
                };
                Ok(Tls::Served {
                    host,
                    certificate,
                    not_after,
                    source: TlsSource::Own,
                })
            }
            TlsChange::Label { label, overwrite } => {
                let tail = self
                    .take_label(txn, workspace, &label, overwrite, known, now)
                    .await?;
                let suffix = &self.authority.names.leaf_suffix;
                let host = label
                    .host(&tail, location, suffix)
                    .map_err(|error| Error::Invalid(vec![Tls::long_name_finding(error)]))?;
                self.check_free(txn, &host, name, known).await?;
                self.issue(host, label, tail, now)
            }
            TlsChange::Renew => match known_tls {
                Tls::Served {
                    host,
                    not_after,
                    source: TlsSource::Label(label),
                    ..
                } if not_after.duration_since(now) <= RENEW_BEFORE => {
                    let stored = txn.leaf_label(&workspace.id, &label).await?;
                    let tail = stored.map(|stored| stored.tail);
                    let missing = || Error::internal("a compute's label is not stored");
                    self.issue(host, label, tail.ok_or_else(missing)?, now)
                }
                kept => Ok(kept),
            },
        }
    }

    fn issue(
        &mut self,
        host: HostName,
        label: LeafLabel,
        tail: String,
        now: Timestamp,
    ) -> Result<Tls> {
        let IssuedPair { pair, not_after } = self.authority.issuer.issue(&host, now)?;
        let certificate = pair.digest();
        self.row = Row::Set {
            host: host.clone(),
            pair,
            label: Some((label.clone(), tail)),
        };
        Ok(Tls::Served {
            host,
            certificate,
            not_after,
            source: TlsSource::Label(label),
        })
    }

    /// The tail of a label that this compute may have: that of an earlier time, or a
    /// new one.
    async fn take_label(
        &mut self,
        txn: &mut Txn,
        workspace: &Workspace,
        label: &LeafLabel,
        overwrite: bool,
        known: Option<&Compute>,
        now: Timestamp,
    ) -> Result<String> {
        let Some(stored) = txn.leaf_label(&workspace.id, label).await? else {
            return unused_tail(txn, label).await;
        };
        let holder = match stored.holder {
            Some(holder) if known.is_none_or(|known| known.id != holder) => {
                txn.compute_by_id(&holder).await?
            }
            _ => None,
        };
        let Some(holder) = holder else {
            return Ok(stored.tail);
        };
        let conflict = |why: String| Error::conflict(Kind::Compute, holder.name.as_str(), why);
        if !overwrite {
            return Err(conflict(format!(
                "has the leaf domain label `{label}`; take another one, or set \
                 overwriteExistingDomain to take this one from it"
            )));
        }
        if holder.spec.removal.is_some() || !holder.observed.has_ended(holder.generation) {
            return Err(busy(txn, &holder).await?);
        }
        turn_off(txn, &holder, now).await?;
        self.disturbed = Some(holder.id);
        Ok(stored.tail)
    }

    async fn check_free(
        &self,
        session: &mut Session,
        host: &HostName,
        name: &str,
        known: Option<&Compute>,
    ) -> Result<()> {
        let holder = session.compute_id_by_host(host).await?;
        if holder.is_none_or(|holder| known.is_some_and(|known| known.id == holder)) {
            return Ok(());
        }
        // It may be in a workspace that the caller may not see: no name is told.
        Err(Error::conflict(
            Kind::Compute,
            name,
            format!("another compute is served as `{host}` already; take another name"),
        ))
    }

    /// Names of leaf labels come back when their label does; nobody may sit on one.
    async fn check_is_no_label(&self, session: &mut Session, host: &HostName) -> Result<()> {
        let suffix = &self.authority.names.leaf_suffix;
        let below = host.as_str().strip_suffix(suffix.as_str());
        let Some((name, _)) = below.and_then(|below| below.split_once('.')) else {
            return Ok(());
        };
        if session.leaf_name_is_known(name).await? {
            return Err(Error::Invalid(vec![Tls::own_name_finding(host)]));
        }
        Ok(())
    }

    /// Writes what [`TlsPut::plan`] decided; the compute's row is there.
    pub(super) async fn write(
        &mut self,
        txn: &mut Txn,
        compute: &Compute,
        now: Timestamp,
    ) -> Result<()> {
        match std::mem::replace(&mut self.row, Row::Keep) {
            Row::Keep => {}
            Row::Clear => txn.compute_certificate_delete(&compute.id).await?,
            Row::Set { host, pair, label } => {
                txn.compute_certificate_delete(&compute.id).await?;
                txn.compute_certificate_put(&compute.id, &host, &pair)
                    .await?;
                if let Some((label, tail)) = label {
                    let remembered = (now, MOST_UNHELD_LABELS);
                    txn.leaf_label_hold(&compute.workspace, &label, &tail, &compute.id, remembered)
                        .await?;
                }
            }
        }
        Ok(())
    }
}

/// The compute that loses its label is served without TLS of its own from now on.
async fn turn_off(txn: &mut Txn, holder: &Compute, now: Timestamp) -> Result<()> {
    let spec = ComputeSpec {
        tls: Tls::Disabled,
        ..holder.spec.clone()
    };
    let generation = holder.generation.next();
    txn.compute_update_spec(&holder.id, generation, &spec, now)
        .await?;
    txn.compute_certificate_delete(&holder.id).await?;
    let operation = Operation {
        id: OperationId::random(),
        workspace: Some(holder.workspace),
        verb: Verb::Update,
        target_kind: TargetKind::Compute,
        target: holder.id,
        target_name: holder.name.to_string(),
        generation,
        state: OperationState::InProgress,
        step: None,
        created_at: now,
        ended_at: None,
    };
    txn.operation_insert(&operation).await?;
    Ok(())
}

/// Random characters that make a name of the label which nobody ever had.
async fn unused_tail(session: &mut Session, label: &LeafLabel) -> Result<String> {
    loop {
        let mut bytes = [0; LABEL_TAIL];
        rand::fill(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
        let tail: String = bytes
            .iter()
            .map(|byte| char::from(TAIL_CHARACTERS[usize::from(byte % 32)]))
            .collect();
        if !session
            .leaf_name_is_known(&format!("{label}{tail}"))
            .await?
        {
            return Ok(tail);
        }
    }
}
