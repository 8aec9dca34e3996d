//! The first signal asks for a graceful stop, the second for an end at once.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use rustix::process::Signal;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};

use crate::server::Server;

#[test]
fn both_signals_end_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut server = Server::start(scratch.path());
        server.signal(signal);
        let status = server.wait();
        assert_eq!(status.code(), Some(0), "{signal:?}");
        let log = server.log();
        assert!(log.trim_end().ends_with("wharf::server: stopped"), "{log}");
    }
}

#[test]
fn a_second_signal_does_not_wait_for_a_slow_client() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_with(scratch.path(), &["--drain", "3600"]);
    let mut slow = connect(&server);
    // A request whose body does not come.
    slow.write_all(
        b"POST /adfs/oauth2/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\
          content-type: application/x-www-form-urlencoded\r\nexpect: 100-continue\r\n\r\n",
    )
    .expect("written");
    // The server asks for the body, so the request is in flight.
    let mut begin = [0; 12];
    slow.read_exact(&mut begin).expect("an answer");
    assert_eq!(&begin, b"HTTP/1.1 100");
    server.signal(Signal::TERM);
    server.wait_for_log("stopping; replicas go on");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));
    assert!(!server.log().contains("wharf::server: stopped"));
}

fn connect(server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
    let ca = CertificateDer::from_pem_file(server.data().join("tls/ca.pem")).expect("a CA");
    let mut roots = RootCertStore::empty();
    roots.add(ca).expect("a CA");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let address = server.url.replace("https://localhost", "127.0.0.1");
    StreamOwned::new(connection, TcpStream::connect(address).expect("connected"))
}
