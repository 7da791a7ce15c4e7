import type { Branch } from './symptom.ts'

/** No setting will help. */
export const inadequate: Branch = {
  id: 'inadequate',
  title: 'The hardware is not enough',
  ask: 'What is it to do? To hear it for this machine: narwhal assess',
  children: [
    {
      id: 'too-little-memory',
      title: 'It shall build, and has less than 4 GB of memory',
      said: ['2 GB', 'not enough memory'],
      signs: [
        {
          run: 'narwhal assess --role builder',
          prints: 'no, and what will work instead; exit code 1',
        },
      ],
      cause:
        '(2 GiB − 1.3 GiB) / 2 GiB is less than one compile job. chromium wants 16 GB, LLVM 4 to 14 GB: there 8 GB are too little, too.',
      mends: [
        {
          text: 'Let it be a proxy: for that 1 to 2 GB are enough. Build elsewhere.',
          lines: ['narwhal assess --role proxy'],
        },
        {
          text: 'Let it hand its builds to a stronger machine.',
          lines: ['narwhal generate-config --auto --distributed builder.lan'],
        },
        { text: 'Or buy memory, if it has a free slot.', lines: ['narwhal plan --budget 100'] },
      ],
      source: 'src/advice/figures.ts: buildJobBytes; Gentoo handbook, MAKEOPTS',
    },
    {
      id: 'disk-too-slow',
      title: 'It shall fill a gigabit line from a slow disk',
      said: ['800 Mbit/s'],
      signs: [{ run: 'narwhal diagnose --measure', prints: 'less than 118 MB/s read' }],
      cause:
        'An SD card gives 44 MB/s at most, a disk on USB 2 35 MB/s: a third of a gigabit line. A hard disk fills it only when it reads one file after another.',
      mends: [
        {
          text: 'A SATA SSD, on USB 3 where there is no SATA.',
          lines: ['narwhal plan --budget 100'],
        },
        {
          text: 'Or accept it: 44 MB/s is still three times a line of 100 Mbit/s to the Internet.',
        },
      ],
      source: 'src/advice/figures.ts: sdBytesPerSecond, usb2BytesPerSecond, hddReadsPerSecond',
    },
    {
      id: 'too-many-people',
      title: 'It shall serve a team, and builds queue up',
      said: ['CI', 'developers'],
      signs: [
        {
          run: 'narwhal plan --developers 10',
          prints: 'slots needed against slots there are, and a verdict',
        },
      ],
      cause:
        'Builds that run at once = builds in an hour × hours each takes. Where that is more than the slots, the queue grows all day.',
      mends: [
        {
          text: 'Several builders behind one cache.',
          lines: ['narwhal generate-config --auto --distributed builder.lan'],
        },
        {
          text: 'Fewer builds: pin one nixpkgs for all, so that what one has built is a hit for the others.',
        },
      ],
      source: "Little's law; narwhal plan",
    },
  ],
}
