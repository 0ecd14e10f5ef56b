"""The runtime of a TPU slice of several hosts, which all of its processes must start together."""

import jax

from ensemble.errors import first_line
from experiments.errors import UserError
from experiments.hosts.cluster import Cluster

TOGETHER = 300  # seconds for all to start their runtimes, once they have met


def start_runtime(cluster: Cluster) -> None:
    """Find the devices of this process, together with all others; to be called before any device is used.

    jax meets one port above the run's own. It would end every process, by force and at once, when process 0 dies:
    it is left again when all have their devices, as members never talk to each other and
    `experiments.hosts.process_group` keeps watch.

    Raises:
        UserError: they cannot be found.
    """
    try:
        jax.distributed.initialize(
            coordinator_address=cluster._replace(port=cluster.port + 1).place,
            num_processes=cluster.processes,
            process_id=cluster.process,
            cluster_detection_method="deactivate",
            initialization_timeout=TOGETHER,
            heartbeat_timeout_seconds=TOGETHER,
        )
        jax.local_devices()
        jax.distributed.shutdown()
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the TPU runtimes did not start together ({first_line(error)}): see that port {cluster.port + 1} of "
            f"{cluster.host} is free and open to the other hosts, and give the same commands again"
        ) from error
