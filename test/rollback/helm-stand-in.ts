/** A program that takes the arguments of helm, keeps the revisions of releases in a file and answers as helm does. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** The order of its writes is that of Helm 3: a pending revision first, then its end, then the old one superseded. */
const HELM = `#!/usr/bin/env python3
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
words = [word for word in sys.argv[1:] if not word.startswith("--")]
flags = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
open(here + "/calls", "a").write(" ".join(sys.argv[1:]) + "\\n")
place = here + "/" + flags["namespace"] + "." + words[2 if words[0] == "get" else 1]
mode = open(here + "/mode").read()
def end(why):
    sys.exit("Error: " + why)
if not os.path.exists(place):
    end("release: not found")
revisions = json.load(open(place))
def save():
    with open(place + ".new", "w") as file:
        json.dump(revisions, file)
    os.replace(place + ".new", place)
if words[0] == "history":
    if flags["output"] != "json":
        end("this one speaks JSON only")
    print(json.dumps(revisions[-int(flags["max"]):]))
    sys.exit()
if words[:2] == ["get", "manifest"]:
    name = "helm.toolkit.fluxcd.io/name" if os.path.exists(here + "/flux") else "app"
    print("apiVersion: apps/v1\\nkind: Deployment\\nmetadata:\\n  labels:\\n    %s: checkout" % name)
    sys.exit()
wanted = int(words[2])
old = [one for one in revisions if one["revision"] == wanted]
if not old:
    end("release has no %d version" % wanted)
if "dry-run" in flags:
    print("Rollback was a success! Happy Helming!")
    sys.exit()
if mode == "refuse":
    end("cannot reach the cluster")
new = {**old[0], "revision": revisions[-1]["revision"] + 1, "status": "pending-rollback", "description": "Rollback to %d" % wanted}
revisions.append(new)
save()
while mode == "slow" and not os.path.exists(here + "/go"):
    time.sleep(0.02)
if mode == "die":
    os.kill(os.getpid(), 9)
for one in revisions[:-1]:
    if one["status"] == "deployed":
        one["status"] = "superseded"
if mode == "fail":
    new["status"], new["description"] = "failed", 'Release "checkout" failed: timed out waiting for the condition'
    save()
    end("timed out waiting for the condition")
new["status"] = "deployed"
save()
print("Rollback was a success! Happy Helming!")
`;

type Told = { revision: number; status: string; chart: string; app_version: string; description: string };

const Stored = z.array(z.object({ revision: z.number(), status: z.string(), description: z.string() }));

/** `slow`: waits in the middle for \`letGo\`. `die`: is killed there. `fail`: gives up. `refuse`: changes nothing. */
type Mode = 'work' | 'slow' | 'die' | 'fail' | 'refuse';

export async function installHelm() {
  const dir = await mkdtemp(join(tmpdir(), 'mt-helm-'));
  const program = join(dir, 'helm');
  await writeFile(program, HELM);
  await chmod(program, 0o700);
  const place = join(dir, 'shop.checkout');
  const setMode = (mode: Mode) => writeFile(join(dir, 'mode'), mode);
  await setMode('work');
  return {
    dir,
    program,
    setMode,
    has: (revisions: readonly Told[]) => writeFile(place, JSON.stringify(revisions)),
    /** `5 deployed Rollback to 3`, a line each. */
    async history(): Promise<string[]> {
      const stored = Stored.parse(JSON.parse(await readFile(place, 'utf8')));
      return stored.map(({ revision, status, description }) => `${revision} ${status} ${description}`);
    },
    /** What Flux's controller leaves on every object of a release of its own. */
    isOfFlux: () => writeFile(join(dir, 'flux'), ''),
    /** The arguments of each call that did more than look. */
    async calls(): Promise<string[]> {
      const text = await readFile(join(dir, 'calls'), 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '' && !/^(history|get) /.test(line));
    },
    letGo: () => writeFile(join(dir, 'go'), ''),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

export function aRevision(revision: number, version: string, status = 'superseded', description = 'Upgrade complete') {
  return { revision, status, chart: 'checkout-0.3.0', app_version: version, description };
}
