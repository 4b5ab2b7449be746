#!/usr/bin/env node
// In a clone, `npx agentmesh` finds this; the command itself is the package's own.
import '../../node/cli/launch.js';
