"""netCDF-4 files as reproducible bytes; HDF5's peculiarities stay in here."""

from pathlib import Path

import h5netcdf
import h5py
import xarray as xr
from xarray.backends import H5NetCDFStore

from ensemble.errors import first_line
from experiments.store.hdf5 import DamagedFile, refuse_hostile

__all__ = ["DamagedFile", "decode", "encode"]


def encode(dataset: xr.Dataset) -> bytes:
    """The netCDF-4 file of a data set; equal data sets give equal bytes.

    It is built in memory, because HDF5 writing to a disk that fills up brings down the whole process.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    with h5py.File(h5py.h5f.create(b"in memory", h5py.h5f.ACC_TRUNC, _creation(), access)) as file:
        dataset.dump_to_store(H5NetCDFStore(h5netcdf.File(file, "w")))
        file.flush()
        return file.id.get_file_image()


def decode(path: Path) -> xr.Dataset:
    """The data set in a netCDF-4 file, whole in memory.

    Raises:
        DamagedFile: if it cannot be read.
    """
    try:
        # HDF5 is asked first: of a file that it cannot open, h5netcdf prints a trace from its destructor.
        with h5py.File(path, "r") as file:
            refuse_hostile(file, path.stat().st_size)
        return xr.load_dataset(path, engine="h5netcdf")
    except DamagedFile:
        raise
    except Exception as error:  # what HDF5, h5netcdf and xarray make of damage depends on the place
        raise DamagedFile(first_line(error)) from error


def _creation() -> h5py.h5p.PropFCID:
    """As netCDF-4 wants a file (order of creation tracked), but without the time of creation that HDF5 stores."""
    properties = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    in_order = h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED
    properties.set_link_creation_order(in_order)
    properties.set_attr_creation_order(in_order)
    properties.set_obj_track_times(False)
    return properties
