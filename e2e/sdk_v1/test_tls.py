"""Own certificates and leaf domain labels, served by the local router for real."""

import datetime
import json
import re
import socket
import ssl
import uuid
from urllib.parse import urlsplit

import pytest
import requests
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.compute.aks import AksUpdateConfiguration, SslConfiguration
from azureml.exceptions import ComputeTargetException
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from services import ECHO, deploy, healthy, script, settled_compute
from wharf_process import until

DEV_TEST = AksCompute.ClusterPurpose.DEV_TEST


class Authority:
    """A CA of the user's own, in a file that clients can trust."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named("an authority of the tests")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self.builder(self.name, self.key.public_key())
        builder = builder.add_extension(constraints, critical=True)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        self.file = folder / "ca.pem"
        self.file.write_bytes(pem(builder.sign(self.key, hashes.SHA256())))

    def builder(self, subject, public_key, days=(-1, 30)):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = (now + datetime.timedelta(days=count) for count in days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def pair(self, host, days=(-1, 30)):
        """Files with a certificate for `host` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(named(host), key.public_key(), days)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
            critical=False,
        )
        certificate = self.folder / f"{uuid.uuid4().hex}.pem"
        certificate.write_bytes(pem(builder.sign(self.key, hashes.SHA256())))
        file = certificate.with_suffix(".key")
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(certificate), str(file)


def named(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def name():
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def host(name):
    return f"{name}.example.com"


@pytest.fixture
def resolver(monkeypatch):
    """Stands in for the user's DNS: names that it is told lead to this machine."""
    known = set()
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        return real("127.0.0.1" if host in known else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.fixture
def created(workspace, name, request):
    """Creates a compute, and deletes it when the test ends."""

    def created(**ssl_options):
        config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
        config.enable_ssl(**ssl_options)
        compute = ComputeTarget.create(workspace, name, config)

        def remove():
            compute.delete()
            compute.wait_for_completion(is_delete_operation=True)

        request.addfinalizer(remove)
        return settled_compute(compute)

    return created


def own(host, pair):
    return {"ssl_cname": host, "ssl_cert_pem_file": pair[0], "ssl_key_pem_file": pair[1]}


def updated(compute, **settings):
    compute.update(AksUpdateConfiguration(ssl_configuration=SslConfiguration(**settings)))
    settled_compute(compute)
    compute.refresh_state()
    return compute.ssl_configuration


def read(path):
    with open(path) as file:
        return file.read()


def scoring_port(server):
    return json.loads((server.data / "ports.json").read_text())["scoring"]


def presented(server, name, ca):
    """The serial number of the certificate for a name, verified against a CA."""
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", scoring_port(server)), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname=name) as wrapped:
            return wrapped.getpeercert()["serialNumber"]


def refused(action, *words):
    with pytest.raises(ComputeTargetException) as error:
        action()
    for word in words:
        assert word in str(error.value), str(error.value)


def test_an_own_certificate_from_create_to_disable(
    workspace, server, created, authority, host, resolver, monkeypatch
):
    resolver.add(host)
    pair = authority.pair(host)
    compute = created(**own(host, pair))
    shown = compute.ssl_configuration
    assert (shown.status, shown.cname, shown.cert, shown.key) == ("Enabled", host, None, None)
    service = healthy(deploy(workspace, compute, f"s-{host.split('.')[0]}", script(ECHO)))
    try:
        uri = urlsplit(service.scoring_uri)
        assert (uri.scheme, uri.hostname, uri.port) == ("https", host, scoring_port(server))
        first = presented(server, host, authority.file)
        # The SDK trusts the bundle of the environment; this test adds the user's CA.
        bundle = authority.folder / "bundle.pem"
        bundle.write_text(read(server.environment()["REQUESTS_CA_BUNDLE"]) + read(authority.file))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        assert service.run('{"a": 1}') == {"echo": {"a": 1}}

        # Another certificate for the same name, with no restart.
        second = authority.pair(host)
        updated(compute, status="Enabled", cname=host, cert=read(second[0]), key=read(second[1]))
        assert presented(server, host, authority.file) != first
        assert service.run('{"b": 2}') == {"echo": {"b": 2}}

        # An update of something else keeps it, as what a GET shows does.
        serial = presented(server, host, authority.file)
        compute.update(AksUpdateConfiguration())
        settled_compute(compute)
        assert presented(server, host, authority.file) == serial

        # Off: the server's own name and certificate again.
        assert updated(compute, status="Disabled").status == "Disabled"
        service.update_deployment_state()
        assert urlsplit(service.scoring_uri).hostname == "localhost"
        assert service.run('{"c": 3}') == {"echo": {"c": 3}}
        with pytest.raises(ssl.SSLCertVerificationError):
            presented(server, host, authority.file)
    finally:
        service.delete()


def test_the_key_is_nowhere_in_the_clear(server, created, authority, host):
    pair = authority.pair(host)
    created(**own(host, pair))
    secret = read(pair[1]).splitlines()[1].encode()
    for file in server.data.rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes(), file
    assert secret not in server.log.read_bytes()


def test_a_leaf_label_has_a_name_and_a_certificate_of_our_own_ca(
    workspace, server, created, name, resolver
):
    compute = created(leaf_domain_label=name)
    shown = compute.ssl_configuration
    assert (shown.status, shown.leaf_domain_label) == ("Auto", name)
    pattern = rf"{name}[a-z0-9]{{6}}\.[a-z0-9-]+\.localhost"
    assert re.fullmatch(pattern, shown.cname), shown.cname
    ca = server.admin()["caFile"]
    serial = presented(server, shown.cname, ca)
    # Plenty of time is left: a renewal does nothing.
    assert updated(compute, renew=True).cname == shown.cname
    assert presented(server, shown.cname, ca) == serial
    # The label stays the compute's through off and on.
    updated(compute, status="Disabled")
    assert updated(compute, leaf_domain_label=name).cname == shown.cname
    resolver.add(shown.cname)
    service = healthy(deploy(workspace, compute, f"s-{name}", script(ECHO)))
    try:
        assert urlsplit(service.scoring_uri).hostname == shown.cname
        assert service.run('{"a": 1}') == {"echo": {"a": 1}}
        # The plain host is a way to the same service.
        plain = f"https://localhost:{scoring_port(server)}{urlsplit(service.scoring_uri).path}"
        key = {"Authorization": f"Bearer {service.get_keys()[0]}"}
        answer = requests.post(plain, json={"a": 1}, headers=key, verify=ca, timeout=30)
        assert answer.json() == {"echo": {"a": 1}}
    finally:
        service.delete()


def test_a_busy_label_is_a_conflict_until_it_is_overwritten(workspace, server, created, name):
    first = created(leaf_domain_label=name)
    config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
    config.enable_ssl(leaf_domain_label=name)
    other = f"o{name[1:]}"
    refused(lambda: ComputeTarget.create(workspace, other, config), "409", name)
    config.enable_ssl(leaf_domain_label=name, overwrite_existing_domain=True)
    second = settled_compute(ComputeTarget.create(workspace, other, config))
    try:
        assert second.ssl_configuration.cname == first.ssl_configuration.cname
        presented(server, second.ssl_configuration.cname, server.admin()["caFile"])

        def is_off():
            first.refresh_state()
            return first.ssl_configuration.status == "Disabled"

        until(is_off, "the first compute has lost its label")
        settled_compute(first)
    finally:
        second.delete()
        second.wait_for_completion(is_delete_operation=True)


def test_bad_certificates_are_refused_with_everything_that_is_wrong(
    workspace, authority, name, host
):
    good, other = authority.pair(host), authority.pair(host)
    expired = authority.pair(host, days=(-30, -1))
    future = authority.pair(host, days=(1, 30))

    def create(**options):
        config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
        config.enable_ssl(**options)
        return lambda: ComputeTarget.create(workspace, name, config)

    refused(create(**own(host, (good[0], other[1]))), "sslConfiguration.key", "is not the key")
    refused(create(**own("other.example.com", good)), "sslConfiguration.cname", host)
    refused(create(**own(host, expired)), "sslConfiguration.cert", "expired")
    refused(create(**own(host, future)), "sslConfiguration.cert", "not valid before")
    refused(create(**own("localhost", authority.pair("localhost"))), "this server itself")
    refused(
        create(**own("a_b", (expired[0], other[1]))), "DNS name", "expired", "is not the key"
    )
    for label in ("1abc", "a_b", "abc-", "a" * 58):
        refused(create(leaf_domain_label=label), "sslConfiguration.leafDomainLabel")
    config = AksCompute.provisioning_configuration(
        cluster_purpose=DEV_TEST, load_balancer_type="InternalLoadBalancer"
    )
    config.enable_ssl(leaf_domain_label=name)
    refused(
        lambda: ComputeTarget.create(workspace, name, config),
        "leafDomainLabel",
        "internal load balancer",
    )
    assert name not in workspace.compute_targets


def test_an_attached_cluster_takes_the_same_settings(workspace, server, authority, name, host):
    config = AksCompute.attach_configuration(
        resource_group=workspace.resource_group, cluster_name="local"
    )
    config.enable_ssl(**own(host, authority.pair(host)))
    compute = settled_compute(ComputeTarget.attach(workspace, name, config))
    try:
        presented(server, host, authority.file)
        # Every other name, and no name, gets the server's own certificate.
        own_serial = presented(server, "localhost", server.admin()["caFile"])
        context = ssl.create_default_context(cafile=server.admin()["caFile"])
        context.check_hostname = False
        for strange in (f"x.{host}", "example.com", None):
            with socket.create_connection(("127.0.0.1", scoring_port(server)), timeout=10) as raw:
                with context.wrap_socket(raw, server_hostname=strange) as wrapped:
                    assert wrapped.getpeercert()["serialNumber"] == own_serial
    finally:
        compute.detach()
        compute.wait_for_completion(is_delete_operation=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        presented(server, host, authority.file)
