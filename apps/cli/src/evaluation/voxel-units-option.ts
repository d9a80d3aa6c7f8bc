import { Option } from "commander";

/** See `MetricOptions.voxelUnits`. */
export function voxelUnitsOption(): Option {
  return new Option(
    "--voxel-units",
    "distances in voxels even where the spacing is known, to compare with papers that left it out",
  );
}
