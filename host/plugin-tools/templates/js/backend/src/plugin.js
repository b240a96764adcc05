// What the component exports; the station gives it nothing but a log.
import { log } from 'pilotwire:host/log@0.1.0';
import { reporter } from './reporter.js';

export const adapter = reporter(log);
