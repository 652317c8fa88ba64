import type { OnCall } from '../../config/config.ts';
import { ok } from '../../errors.ts';
import { rotationShifts } from '../../oncall/rotation.ts';
import type { RotaSource } from './rota-source.ts';

/** The weekly rotation that memtriage.yaml itself describes. */
export function fromRotation(rotation: Extract<OnCall, { source: 'rotation' }>, timezone: string): RotaSource {
  return { name: 'rotation', readRota: async (known) => ok(rotationShifts(rotation, timezone, known)) };
}
