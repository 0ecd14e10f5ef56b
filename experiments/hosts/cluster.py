"""Which processes a run has, and where they meet: from options, or from the environment of a cluster."""

import re
import urllib.request
import zlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from experiments.errors import UserError

FIRST_PORT, PORTS = 61440, 4095  # above the ports that Linux gives to connections; the last one has a next
TPU_PORT = 8482  # where jax too has the processes of a TPU slice meet
DEVICES = Path("/dev")
REMEDY = "give --distributed HOST:PORT --processes N --process I"


class Cluster(NamedTuple):
    """The processes of a run."""

    host: str
    """Where they meet: the machine of process 0."""
    port: int
    processes: int
    process: int
    """The number of this one, 0 to processes - 1."""

    @property
    def place(self) -> str:
        """HOST:PORT, with the brackets that an IPv6 address needs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def from_options(text: str, processes: int | None, process: int | None) -> Cluster:
    """The cluster of --distributed HOST:PORT --processes N --process I.

    Raises:
        UserError: it is no such place, or the numbers do not fit.
    """
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:\s]+)):(\d{1,5})", text)
    if not match or not 0 < int(match[3]) < 65536:
        raise UserError(
            f"--distributed {text} is no place to meet: give HOST:PORT, such as node1:1234 or [fe80::1]:1234"
        )
    if processes is None or process is None or not 0 <= process < processes:
        raise UserError(f"--processes {processes} and --process {process} do not fit: give N, and I from 0 to N-1")
    return Cluster(match[1] or match[2], int(match[3]), processes, process)


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """The cluster of --distributed auto.

    Raises:
        UserError: the environment is that of no cluster, or not complete.
    """
    try:
        cluster = tpu_slice(environment) or _slurm(environment) or _open_mpi(environment)
    except (ValueError, IndexError, KeyError) as error:
        raise UserError(f"the environment of this cluster is not understood ({error!r}): {REMEDY}") from error
    if cluster is None:
        raise UserError(f"--distributed auto found neither Slurm, Open MPI nor a TPU slice of several hosts: {REMEDY}")
    if not 0 <= cluster.process < cluster.processes:
        raise UserError(f"the environment tells of process {cluster.process} of {cluster.processes}: {REMEDY}")
    return cluster


def needs_runtime(cluster: Cluster, environment: Mapping[str, str]) -> bool:
    """Whether jax trains on a TPU slice of several hosts, whose processes must start their runtimes together.

    Raises:
        UserError: the processes of the run are not those of the slice.
    """
    there = tpu_slice(environment)
    if there is None:
        return False
    if there[2:] != cluster[2:]:
        raise UserError(
            f"this is process {there.process} of a TPU slice of {there.processes} hosts, given as --process "
            f"{cluster.process} of --processes {cluster.processes}: give the slice's own numbers, or --distributed auto"
        )
    return True


def tpu_slice(environment: Mapping[str, str]) -> Cluster | None:
    """The hosts of the TPU slice, or slices, that this machine belongs to; None if it is alone, or jax uses no TPU."""
    platforms = environment.get("JAX_PLATFORMS", "")
    if platforms and "tpu" not in platforms.split(","):
        return None
    if not platforms and find_spec("libtpu") is None and "TPU_LIBRARY_PATH" not in environment:
        return None
    settings = _metadata(environment) | dict(environment)
    names = settings.get("TPU_PROCESS_ADDRESSES") or settings.get("TPU_WORKER_HOSTNAMES") or "localhost"
    hosts = [name.rsplit(":", 1)[0] for name in names.split(",")]
    slices, number = int(settings.get("MEGASCALE_NUM_SLICES") or 1), int(settings.get("MEGASCALE_SLICE_ID") or 0)
    if len(hosts) * slices == 1:
        return None
    first = (settings.get("MEGASCALE_COORDINATOR_ADDRESS") or hosts[0]).rsplit(":", 1)[0]
    worker = int(settings["TPU_WORKER_ID"]) if len(hosts) > 1 else 0
    return Cluster(first, TPU_PORT, len(hosts) * slices, number * len(hosts) + worker)


def _slurm(environment: Mapping[str, str]) -> Cluster | None:
    """The tasks of a Slurm step, which meet on the first of its nodes."""
    if not {"SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_PROCID"} <= environment.keys():
        return None
    nodes = environment.get("SLURM_STEP_NODELIST") or environment["SLURM_JOB_NODELIST"]
    first = re.match(r"(?:\[[^\]]*\]|[^,\[])+", nodes)  # of "rack[1-2]node[01,04-07],login" the text before the comma
    if first is None:
        raise ValueError(nodes)
    host = re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", first[0])
    step = f"{environment['SLURM_JOB_ID']}.{environment.get('SLURM_STEP_ID', '')}"
    return Cluster(host, _port(step), int(environment["SLURM_NTASKS"]), int(environment["SLURM_PROCID"]))


def _open_mpi(environment: Mapping[str, str]) -> Cluster | None:
    """The ranks of an Open MPI job, which meet where mpirun was started, as with jax."""
    if "OMPI_COMM_WORLD_RANK" not in environment:
        return None
    # 1531576320.0;tcp://10.96.0.1,10.148.0.1:34911 or 1314521088.0;tcp6://[fe80::b9b,2620::2]:43370; not in version 5
    uri = environment.get("OMPI_MCA_orte_hnp_uri", "")
    launcher = re.match(r"(\d+)\.\d+;tcp6?://\[?([^\],/]+?)(?:[\],]|:\d+$)", uri)
    if launcher is None:
        raise UserError(f"Open MPI does not tell where mpirun was started (OMPI_MCA_orte_hnp_uri is {uri!r}): {REMEDY}")
    size, rank = environment["OMPI_COMM_WORLD_SIZE"], environment["OMPI_COMM_WORLD_RANK"]
    return Cluster(launcher[2], _port(launcher[1]), int(size), int(rank))


def _port(job: str) -> int:
    """A port that all processes of a job know, and other jobs seldom have."""
    return FIRST_PORT + zlib.crc32(job.encode()) % PORTS


def _metadata(environment: Mapping[str, str]) -> dict[str, str]:
    """What the metadata server tells a TPU machine of Google's without such an environment; nothing elsewhere.

    https://cloud.google.com/compute/docs/metadata/querying-metadata
    """
    chips = [*DEVICES.glob("accel[0-9]*"), *DEVICES.glob("vfio/[0-9]*")]
    if not chips or {"TPU_SKIP_MDS_QUERY", "TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES"} & environment.keys():
        return {}
    server = environment.get("GCE_METADATA_IP", "metadata.google.internal")
    try:
        settings = dict(re.findall(r"(?m)^\s*(\w+)\s*:\s*'?(.*?)'?\s*$", _ask(server, "tpu-env")))
        # Either host names, or name:number:address of each.
        hosts = [worker.split(":")[-1] for worker in _ask(server, "worker-network-endpoints").split(",")]
        return settings | {
            "TPU_WORKER_HOSTNAMES": ",".join(hosts),
            "TPU_WORKER_ID": _ask(server, "agent-worker-number"),
        }
    except (OSError, ValueError):  # a machine of someone else's
        return {}


def _ask(server: str, attribute: str) -> str:
    url = f"http://{server}/computeMetadata/v1/instance/attributes/{attribute}"
    request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read(2**20).decode()
