//! Servers under any name: an authority whose certificates the binary trusts, and a proxy that leads every host to one port.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::support::harness::Scene;
use crate::support::relay::{Act, Relay};

/// Who signs certificates.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The certificate that a server of this name shows.
    pub fn certificate(&self, name: &str, last_year: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = config.expect("versions").with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).expect("a certificate"))
    }
}

/// A proxy that forwards every connection to one port of this machine, whatever host was requested, and records the
/// traffic.
pub struct Proxy {
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    pub fn new(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let proxy = Self { port, heard: heard.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let heard = heard.clone();
                // A connection that is gone is nobody's loss.
                std::thread::spawn(move || drop(hand_on(client, target, &heard)));
            }
        });
        proxy
    }

    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("a log")).into_owned()
    }
}

fn hand_on(mut client: TcpStream, target: u16, heard: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    heard.lock().expect("a log").extend_from_slice(&head);
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let server = TcpStream::connect(("127.0.0.1", target))?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    let mut server = server;
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return server.shutdown(Shutdown::Write);
        }
        heard.lock().expect("a log").extend_from_slice(&buffer[..count]);
        server.write_all(&buffer[..count])?;
    }
}

/// The scene's simulator under the name of a host of the service, which the binary reaches by the variables of `command`.
pub struct Impostor {
    authority: Authority,
    pub relay: Relay,
    pub proxy: Proxy,
}

impl Impostor {
    pub fn of(scene: &Scene, host: &str) -> Self {
        let authority = Authority::new("trusted");
        let certificate = authority.certificate(host, 2999);
        let relay =
            Relay::with_certificates(scene.base_url(), move |_| Some(certificate.clone()), |_| Act::Pass);
        let proxy = Proxy::new(relay.port());
        Self { authority, relay, proxy }
    }

    /// The binary, which finds the impostor under the host's name.
    pub fn command(&self, scene: &Scene, arguments: &[&str]) -> std::process::Command {
        let file = scene.write("trusted.pem", &self.authority.pem);
        let mut command = scene.command(arguments);
        command.env("SSL_CERT_FILE", file);
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.proxy.port));
        command
    }
}
