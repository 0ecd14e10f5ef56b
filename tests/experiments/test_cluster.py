"""Which processes a run has, by what clusters put into the environment."""

import http.server
import threading

import pytest

from experiments.errors import UserError
from experiments.hosts import cluster
from experiments.hosts.cluster import Cluster, from_environment, from_options, needs_runtime, tpu_slice

SLURM = {"SLURM_JOB_ID": "71", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_PROCID": "3"}
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
SLICE = {"JAX_PLATFORMS": "tpu,cpu", "TPU_WORKER_HOSTNAMES": "t0,t1,t2,t3", "TPU_WORKER_ID": "2"}
SLICES = {
    "MEGASCALE_COORDINATOR_ADDRESS": "m0:8080",
    "MEGASCALE_NUM_SLICES": "2",
    "MEGASCALE_SLICE_ID": "1",
}


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node001", "node001"),
        ("node001,host2", "node001"),
        ("node[001-015],host2", "node001"),
        ("node[007,009-015]", "node007"),
        ("rack[1-2]node[03-04]-ib,login", "rack1node03-ib"),
    ],
)
def test_slurm_tasks_meet_on_the_first_node(nodes, first):
    found = from_environment(SLURM | {"SLURM_JOB_NODELIST": nodes})
    assert (found.host, *found[2:]) == (first, 4, 3)
    assert 1024 < found.port < 65535
    assert from_environment(SLURM | {"SLURM_JOB_NODELIST": "elsewhere", "SLURM_STEP_NODELIST": nodes}) == found


def test_two_steps_of_a_slurm_job_do_not_meet():
    nodes = {"SLURM_JOB_NODELIST": "node1"}
    assert from_environment(SLURM | nodes).port != from_environment(SLURM | nodes | {"SLURM_STEP_ID": "1"}).port


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("1531576320.0;tcp://10.96.0.1,10.148.0.1,10.108.0.1:34911", "10.96.0.1"),
        ("1531576320.0;tcp://10.96.0.1:34911", "10.96.0.1"),
        ("1314521088.0;tcp6://[fe80::b9b:ac5d:9cf0:b858,2620:10d:c083:150e::3000:2]:43370", "fe80::b9b:ac5d:9cf0:b858"),
    ],
)
def test_open_mpi_ranks_meet_where_mpirun_runs(uri, host):
    found = from_environment(OPEN_MPI | {"OMPI_MCA_orte_hnp_uri": uri})
    assert (found.host, *found[2:]) == (host, 2, 1)


def test_open_mpi_that_does_not_tell_where_is_refused():
    with pytest.raises(UserError, match=r"does not tell where mpirun was started.*give --distributed HOST:PORT"):
        from_environment(OPEN_MPI)


def test_hosts_of_a_tpu_slice_meet_at_its_first():
    assert from_environment(SLICE) == Cluster("t0", cluster.TPU_PORT, 4, 2)
    by_address = SLICE | {"TPU_PROCESS_ADDRESSES": "a:8471,b:8471,c:8471"}
    assert from_environment(by_address) == Cluster("a", cluster.TPU_PORT, 3, 2)


def test_hosts_of_several_slices_are_numbered_on():
    assert from_environment(SLICE | SLICES) == Cluster("m0", cluster.TPU_PORT, 8, 6)


def test_a_slice_goes_before_the_scheduler_that_started_it():
    assert from_environment(SLURM | SLICE | {"SLURM_JOB_NODELIST": "node1"}).host == "t0"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        SLICE | {"JAX_PLATFORMS": "cpu"},
        SLICE | {"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"},
        {"JAX_PLATFORMS": "tpu"},
    ],
)
def test_other_machines_stay_out_of_the_runtime(environment):
    assert tpu_slice(environment) is None
    assert not needs_runtime(Cluster("a", 1, 2, 0), environment)
    with pytest.raises(UserError, match="neither Slurm, Open MPI nor a TPU slice"):
        from_environment(environment)


def test_a_slice_is_joined_by_its_own_numbers_only():
    assert needs_runtime(Cluster("elsewhere", 1, 4, 2), SLICE)
    with pytest.raises(UserError, match="process 2 of a TPU slice of 4 hosts, given as --process 1 of --processes 2"):
        needs_runtime(Cluster("t0", 1, 2, 1), SLICE)


def test_a_machine_that_asks_for_its_slice(monkeypatch, tmp_path):
    """A TPU machine of Google's whose environment tells nothing."""
    told = {
        "tpu-env": "ACCELERATOR_TYPE: 'v5litepod-16'\nMEGASCALE_NUM_SLICES: '2'\nMEGASCALE_SLICE_ID: '1'\n",
        "worker-network-endpoints": "unknown:unknown:10.0.0.5,unknown:unknown:10.0.0.6",
        "agent-worker-number": "1",
    }

    class Metadata(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert self.headers["Metadata-Flavor"] == "Google"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told[self.path.rsplit("/", 1)[1]].encode())

        def log_message(self, format, *args):
            pass

    (tmp_path / "accel0").touch()
    monkeypatch.setattr(cluster, "DEVICES", tmp_path)
    with http.server.HTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"JAX_PLATFORMS": "tpu", "GCE_METADATA_IP": f"127.0.0.1:{server.server_port}"}
        assert tpu_slice(environment) == Cluster("10.0.0.5", cluster.TPU_PORT, 4, 3)
        server.shutdown()
    assert tpu_slice(environment) is None  # nobody answers any more


@pytest.mark.parametrize(
    "environment",
    [
        SLURM | {"SLURM_JOB_NODELIST": "n", "SLURM_NTASKS": "many"},
        SLURM,
        SLURM | {"SLURM_JOB_NODELIST": "n", "SLURM_PROCID": "4"},
        SLICE | {"TPU_WORKER_ID": "9"},
        {name: value for name, value in SLICE.items() if name != "TPU_WORKER_ID"},
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(environment):
    with pytest.raises(UserError, match="give --distributed HOST:PORT --processes N --process I"):
        from_environment(environment)


@pytest.mark.parametrize(
    ("text", "place"), [("node1:80", ("node1", 80)), ("[::1]:99", ("::1", 99)), ("10.0.0.1:65535", ("10.0.0.1", 65535))]
)
def test_places_are_understood(text, place):
    assert from_options(text, 2, 1)[:2] == place
    assert from_options(text, 2, 1).place == text


@pytest.mark.parametrize("text", ["node1", "node1:", ":80", "::1:80", "node1:0", "node1:65536", "a b:80", "[::1]", ""])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(UserError, match=r"is no place to meet: give HOST:PORT, such as node1:1234 or \[fe80::1\]:1234"):
        from_options(text, 2, 1)
