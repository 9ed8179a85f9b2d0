import { render } from 'preact';
import { App } from './app';
import { listen } from './router';
import './style/base.css';
import './style/parts.css';
import './style/pages.css';

listen();
render(<App />, document.getElementById('app')!);
