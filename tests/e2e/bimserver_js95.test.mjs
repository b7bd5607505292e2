// bimserverapi 0.0.95 of npm (2016).
import { tellStory } from './lib/bim_story.mjs';

const story = tellStory('0.0.95');

// It opens a stream when it is told to.
story.reopen = (client) => client.promise('the stream', (resolve) => client.api.webSocket.connect(resolve));
