import { type Command, InvalidArgumentError, Option } from "commander";

/** How distances between borders are measured; see `MetricOptions`. */
export interface DistanceOptions {
  readonly voxelUnits?: boolean;
  readonly surfaceTolerance: number;
}

/** Adds what {@link DistanceOptions} holds. */
export function addDistanceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--voxel-units",
        "distances in voxels even where the spacing is known, to compare with papers that left it out",
      ),
    )
    .option(
      "--surface-tolerance <distance>",
      "up to which surface Dice calls borders equal, in the unit of the distances",
      parseTolerance,
      1,
    );
}

function parseTolerance(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("A distance of at least 0 is needed.");
  }
  return value;
}
