//! Room for connections: so many in all, and so many from one address, so that one
//! client alone cannot keep all others out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts connections.
#[derive(Debug)]
pub struct Room {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Room {
    /// Room for `most` connections, of which `most_per_address` from one address.
    pub fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_address,
            taken: Mutex::default(),
        })
    }

    /// A place for one connection, if there is any.
    pub fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        // The same client may come as an IPv4 address and as one mapped to IPv6.
        let from = from.to_canonical();
        let mut taken = self.lock();
        let here = taken.by_address.get(&from).copied().unwrap_or(0);
        if taken.all >= self.most || here >= self.most_per_address {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(from, here + 1);
        Some(Place {
            room: Arc::clone(self),
            from,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(here) = taken.by_address.get_mut(&self.from) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                taken.by_address.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_all_and_from_one_address() {
        let room = Room::new(3, 2);
        let [a, b, c]: [IpAddr; 3] =
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let first = room.enter(a);
        let second = room.enter(b);
        assert!(first.is_some() && second.is_some());
        assert!(room.enter(a).is_none(), "two from one address");
        let third = room.enter(c);
        assert!(third.is_some());
        assert!(room.enter(c).is_none(), "three in all");
        drop(second);
        assert!(room.enter(a).is_some());
        drop((first, third));
        assert!(room.lock().by_address.is_empty());
        assert_eq!(room.lock().all, 0);
    }
}
