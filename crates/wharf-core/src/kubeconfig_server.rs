//! The address of an API server: credentials are sent there, so it is read strictly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FORM: &str = "must be `https://HOST:PORT`, without a user, a query or a fragment; the port \
                    is 1 to 65535, an IPv6 address stands in brackets";
const LINK_LOCAL: &str = "is a link-local address: the machine's own services answer there, for \
                          example one that gives out its cloud credentials; name the API server";

/// Whether `text` is `https://HOST[:PORT][/PATH]` and nothing more. Loopback is
/// fine, for a cluster on the same machine.
///
/// # Errors
/// What is wrong, for a finding.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").ok_or(FORM)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_path = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    if !path.bytes().all(is_path) {
        return Err(FORM);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']').ok_or(FORM)?;
            let address: Ipv6Addr = host.parse().map_err(|_| FORM)?;
            (Some(IpAddr::V6(address)), after)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (address_of(host)?, port)
        }
    };
    if host.is_some_and(is_link_local) {
        return Err(LINK_LOCAL);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits) if is_port(digits) => Ok(()),
        _ => Err(FORM),
    }
}

fn is_port(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The address that a host is, `None` for a name. Shortened and other numeric
/// spellings of addresses (`169.254`, `0xa9fea9fe`), which some resolvers take, are
/// neither.
fn address_of(host: &str) -> Result<Option<IpAddr>, &'static str> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Some(IpAddr::V4(address)));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_numeric = last.starts_with(|first: char| first.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit())
            || last.starts_with("0x")
            || last.starts_with("0X"));
    if name.len() > 253 || is_numeric || !name.split('.').all(is_label) {
        return Err(FORM);
    }
    Ok(None)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address
                    .to_ipv4()
                    .is_some_and(|address| address.is_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_api_servers() {
        for good in [
            "https://k8s.example.com:6443",
            "https://k8s.example.com",
            "https://my_host.internal./",
            "https://10.0.0.1:443",
            "https://127.0.0.1:65535",
            "https://[::1]:6443",
            "https://[2001:db8::1]",
            "https://rancher.example.com/k8s/clusters/c-m-1",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "https://",
            "http://a",
            "HTTPS//a",
            "https://a:0",
            "https://a:",
            "https://a:+1",
            "https://a:65536",
            "https://a:99999999",
            "https://[::1",
            "https://[::1]6443",
            "https://[a]",
            "https://[fe80::1%25eth0]",
            "https://::1",
            "https://u:p@a",
            "https://a?b",
            "https://a/b#c",
            "https://a b",
            "https://a..b",
            "https://-a",
            "https://256.0.0.1",
            "https://169.254.43518",
            "https://2852039166",
            "https://0xa9fea9fe",
        ] {
            assert_eq!(check(bad), Err(FORM), "{bad}");
        }
        for bad in [
            "https://169.254.169.254",
            "https://169.254.1.1:443/latest",
            "https://[fe80::1]:6443",
            "https://[febf::1]",
            "https://[::ffff:169.254.169.254]",
            "https://[::ffff:a9fe:a9fe]:80",
        ] {
            assert_eq!(check(bad), Err(LINK_LOCAL), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "(https://)?[a-z0-9:/@?#.\\[\\]-]{0,30}") {
            if check(&text).is_ok() {
                prop_assert!(text.starts_with("https://") && !text.contains(['@', '?', '#']));
            }
        }
    }
}
