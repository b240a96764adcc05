//! Addresses: who may call, and where the station itself can be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::UdpSocket;
use url::{Host, Url};

use super::limits::{ALLOWED, OWN_ADDRESSES};

/// Where Linux lists its IPv4 addresses and its IPv6 ones.
const IPV4_TABLE: &str = "/proc/net/fib_trie";
const IPV6_TABLE: &str = "/proc/net/if_inet6";

/// An address, or a network with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn holds(self, peer: IpAddr) -> bool {
        match (self.address, peer) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == peer.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == peer.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no IP address and no network (like 10.0.0.0/8)");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| wrong())?,
            None => longest,
        };
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    networks: Vec<Network>,
}

impl Allowed {
    /// Reads addresses and networks. None of them: everybody may call.
    ///
    /// # Errors
    /// For people: which one makes no sense. It is not left out, because an empty list means everybody.
    pub fn read<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let networks = list
            .into_iter()
            .map(str::parse)
            .collect::<Result<Vec<Network>, String>>()?;
        if networks.len() > ALLOWED {
            return Err(format!("more than {ALLOWED} addresses may not be listed"));
        }
        Ok(Self { networks })
    }

    /// Whether an address may call.
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.holds(peer))
    }
}

/// The station's own addresses, the one towards the host of a URL first.
///
/// Nothing is sent for that: the system is only asked which way it would take.
pub async fn own_addresses(towards: Option<&Url>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    if let Some(first) = towards_address(towards).await {
        found.push(first);
    }
    let ipv4 = std::fs::read_to_string(IPV4_TABLE).unwrap_or_default();
    let ipv6 = std::fs::read_to_string(IPV6_TABLE).unwrap_or_default();
    for address in ipv4_addresses(&ipv4)
        .into_iter()
        .chain(ipv6_addresses(&ipv6))
    {
        if found.len() < OWN_ADDRESSES && !address.is_loopback() && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

async fn towards_address(towards: Option<&Url>) -> Option<IpAddr> {
    let url = towards?;
    let port = url.port_or_known_default().unwrap_or(80);
    let target = match url.host()? {
        Host::Ipv4(address) => SocketAddr::from((address, port)),
        Host::Ipv6(address) => SocketAddr::from((address, port)),
        Host::Domain(name) => tokio::net::lookup_host((name, port)).await.ok()?.next()?,
    };
    let any: SocketAddr = if target.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(target).await.ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Addresses in the kernel's routing table: the line after an address says that it is the host's own.
fn ipv4_addresses(table: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = last.take().map(IpAddr::V4)
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Addresses in the kernel's table of interfaces, as 32 digits each; those that hold beyond the cable only.
fn ipv6_addresses(table: &str) -> Vec<IpAddr> {
    let parse = |line: &str| {
        let bits = u128::from_str_radix(line.split(' ').next()?, 16).ok()?;
        let address = Ipv6Addr::from_bits(bits);
        (!address.is_unicast_link_local()).then_some(IpAddr::V6(address))
    };
    table.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_holds_addresses_and_networks_of_both_kinds() {
        let list = ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"];
        let allowed = Allowed::read(list).unwrap();
        let may = |peer: &str| allowed.allows(peer.parse().unwrap());
        assert!(may("192.0.2.7") && may("10.200.0.1") && may("2001:db8:1::5"));
        assert!(may("::ffff:10.1.2.3"), "an IPv4 caller of an IPv6 socket");
        assert!(!may("192.0.2.8") && !may("11.0.0.1") && !may("2001:db9::1") && !may("::1"));
    }

    #[test]
    fn empty_list_allows_everybody_and_a_list_of_nonsense_is_refused() {
        assert!(
            Allowed::read([])
                .unwrap()
                .allows("198.51.100.1".parse().unwrap())
        );
        for wrong in ["", "backend.example", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(Allowed::read([wrong]).is_err(), "{wrong}");
        }
        let zero = Allowed::read(["0.0.0.0/0"]).unwrap();
        assert!(zero.allows("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn tables_of_the_kernel_are_read() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.1.0\n        /24 link UNICAST\n     |-- 192.168.1.5\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\nLocal:\n     |-- 192.168.1.5\n        /32 host LOCAL\n";
        assert_eq!(
            ipv4_addresses(trie),
            ["192.168.1.5".parse::<IpAddr>().unwrap()]
        );
        let table = "20010db8000000000000000000000005 02 40 00 80 eth0\nfe800000000000000000000000000001 02 40 20 80 eth0\n";
        assert_eq!(
            ipv6_addresses(table),
            ["2001:db8::5".parse::<IpAddr>().unwrap()]
        );
    }

    #[tokio::test]
    async fn address_towards_the_backend_comes_first() {
        let url = Url::parse("http://127.0.0.1:9/cs").unwrap();
        let own = own_addresses(Some(&url)).await;
        assert_eq!(own.first(), Some(&IpAddr::from([127, 0, 0, 1])));
        assert!(
            own_addresses(None)
                .await
                .iter()
                .all(|own| !own.is_loopback())
        );
    }
}
