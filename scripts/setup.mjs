// Makes a fresh checkout ready: npm packages, redis-server, python3, the build. Plain Node, since nothing is installed yet.
// usage: node scripts/setup.mjs [demo|test]; says what it installs, and gives the exact line where it may not.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const purpose = process.argv[2] ?? 'demo';
const EXIT_UNAVAILABLE = 69;

requireNode(20, 19);
installNpmPackages();
installSystemPackages([
  { command: 'redis-server', apt: 'redis-server', brew: 'redis', isRequired: true },
  { command: 'python3', apt: 'python3', brew: 'python', isRequired: true },
]);
if (purpose === 'test') {
  installSystemPackages([
    { command: 'prometheus', apt: 'prometheus', brew: 'prometheus', isRequired: false },
    { command: 'prometheus-alertmanager', apt: 'prometheus-alertmanager', brew: 'alertmanager', isRequired: false },
  ]);
}
build();

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  stop(
    `Node ${major}.${minor} or later is needed, this is ${process.versions.node}`,
    'install it from https://nodejs.org',
  );
}

function installNpmPackages() {
  const installed = modified('node_modules/.package-lock.json');
  if (installed >= modified('package-lock.json') && installed > 0) return;
  say('installing npm packages (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund'], 'npm ci');
}

function installSystemPackages(packages) {
  const missing = packages.filter(({ command }) => !isOnPath(command));
  if (missing.length === 0) return;
  const names = missing.map(({ command }) => command).join(', ');
  const way = waysToInstall(missing).find(({ tool }) => isOnPath(tool));
  const isRequired = missing.some((each) => each.isRequired);
  if (way !== undefined && mayRun(way)) {
    say(`installing ${names}: ${way.lines.map((line) => line.join(' ')).join(' && ')}`);
    // The package lists may be old or the network away: only what is missing afterwards counts.
    for (const [command, ...args] of way.lines) {
      spawnSync(command, args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
    }
  }
  const stillMissing = missing.filter(({ command }) => !isOnPath(command));
  if (stillMissing.length === 0) return;
  const what = `not installed: ${stillMissing.map(({ command }) => command).join(', ')}`;
  const cure =
    way === undefined ? 'install it with your package manager' : way.lines.map((line) => line.join(' ')).join(' && ');
  if (isRequired) stop(what, cure);
  say(`${what}; the tests that need it are skipped by name. To have them: ${cure}`);
}

function waysToInstall(missing) {
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = missing.map((each) => each.apt);
  const brew = missing.map((each) => each.brew);
  return [
    {
      tool: 'apt-get',
      lines: [
        [...sudo, 'apt-get', 'update', '-q'],
        [...sudo, 'apt-get', 'install', '-y', '-q', '--no-install-recommends', ...apt],
      ],
    },
    { tool: 'brew', lines: [['brew', 'install', ...brew]] },
  ];
}

function mayRun({ lines }) {
  return lines[0][0] !== 'sudo' || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

function build() {
  if (modified('dist/main/cli.js') >= newest('src')) return;
  say('building');
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], 'tsc');
}

function newest(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const sources = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  return Math.max(...sources.map((entry) => modified(join(entry.parentPath, entry.name))));
}

function modified(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

function isOnPath(command) {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
  return places.some((place) => existsSync(join(place, command)));
}

function run(command, args, name) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0)
    stop(
      `${name} failed${error === undefined ? '' : `: ${error.message}`}`,
      `run it by hand: ${command} ${args.join(' ')}`,
    );
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function stop(what, cure) {
  say(`${what}. To mend it: ${cure}`);
  process.exit(EXIT_UNAVAILABLE);
}
